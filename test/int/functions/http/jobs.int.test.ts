import { describe, expect, test } from 'vitest';
import * as replies from '../../../../functions/http/replies.ts';
import { expectProblem, startApi } from './api.ts';

const api = startApi('kafka_outbox');

const PAYLOAD = '{"b":12345678901234567890,"2":1,"1": 2,"a":1,"a":2,"z":"\\u0000\\ud800","n":1E400}';

describe('POST /api/v1/jobs', () => {
  test('answers with the job, which is committed with its outbox row', async () => {
    const created = await api.post('/api/v1/jobs', {
      type: 'noop',
      payload: { a: 1 },
      priority: 5,
      partition_key: 'p',
    });

    expect(created.status).toBe(201);
    expect(replies.job.parse(created.json)).toMatchObject({
      type: 'noop',
      status: 'queued',
      attempt: 0,
      max_retries: 3,
      priority: 5,
      partition_key: 'p',
      idempotency_key: null,
      workflow_id: null,
    });
    const { rows } = await api.database
      .pool()
      .query(
        `select topic, message_count from dispatch_outbox where topic = 'workflow.jobs.noop' order by id desc limit 1`,
      );
    expect(rows).toEqual([{ topic: 'workflow.jobs.noop', message_count: 1 }]);
  });

  test('lets payload and result through byte for byte', async () => {
    const created = await api.post('/api/v1/jobs', `{"payload": ${PAYLOAD} ,"type":"noop"}`);
    expect(created.text).toContain(`"payload":${PAYLOAD}`);
    const id = String(created.json['id']);

    const claim = await api.post(`/api/v1/jobs/${id}/claim`, { worker_id: 'w' });
    expect(claim.text).toContain(`"payload":${PAYLOAD}`);
    const token = String(claim.json['token']);
    await api.post(`/api/v1/jobs/${id}/complete`, `{"token":"${token}","result":${PAYLOAD}}`);

    const job = await api.get(`/api/v1/jobs/${id}`);
    expect(job.text).toContain(`"payload":${PAYLOAD}`);
    expect(job.text).toContain(`"result":${PAYLOAD}`);
  });

  test.each(['null', '0', '""', '[]', 'false'])('takes %s as a payload', async (payload) => {
    const created = await api.post('/api/v1/jobs', `{"type":"noop","payload":${payload}}`);
    expect(created.status).toBe(201);
    expect(created.text).toContain(`"payload":${payload}`);
  });

  test('answers a repeated key with the first job and says so; another request under it is a conflict', async () => {
    const request = { type: 'noop', payload: { n: 1 }, idempotency_key: 'once' };
    const first = await api.post('/api/v1/jobs', request);
    const again = await api.post('/api/v1/jobs', request);
    const other = await api.post('/api/v1/jobs', { ...request, payload: { n: 2 } });

    expect(first.headers.get('idempotent-replayed')).toBeNull();
    expect(again.status).toBe(201);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.json['id']).toBe(first.json['id']);
    expectProblem(other, 409, 'idempotency_conflict');
  });

  test('makes one job of 200 requests at once with one key', async () => {
    const request = { type: 'noop', payload: { n: 1 }, idempotency_key: 'together' };
    const answers = await Promise.all(Array.from({ length: 200 }, () => api.post('/api/v1/jobs', request)));

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ json }) => json['id'])).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get('idempotent-replayed') === null)).toHaveLength(1);
  });

  test('keeps a job back until it is due', async () => {
    const created = await api.post('/api/v1/jobs', {
      type: 'noop',
      payload: 1,
      run_at: '2999-01-01T02:00:00+02:00',
    });
    expect(created.json).toMatchObject({
      status: 'pending',
      run_at: '2999-01-01T00:00:00.000Z',
      queued_at: null,
    });
  });

  test('refuses a type without a handler, naming those there are, and learns of new ones', async () => {
    const refused = await api.post('/api/v1/jobs', { type: 'later', payload: 1 });
    expectProblem(refused, 422, 'unknown_job_type');
    expect(refused.json['detail']).toContain('extract, noop, notify');

    await api.database.pool().query(`insert into job_types (type) values ('later')`);
    await expect
      .poll(async () => (await api.post('/api/v1/jobs', { type: 'later', payload: 1 })).status, {
        timeout: 5_000,
      })
      .toBe(201);
  });

  test('passes on a valid trace context, and ignores any other', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const good = await api.post('/api/v1/jobs', { type: 'noop', payload: 1 }, { traceparent });
    const bad = await api.post('/api/v1/jobs', { type: 'noop', payload: 1 }, { traceparent: '00-0-0-01' });

    const { rows } = await api.database
      .pool()
      .query('select traceparent from jobs where id = any ($1) order by id', [
        [good.json['id'], bad.json['id']],
      ]);
    expect(rows).toEqual([{ traceparent }, { traceparent: null }]);
  });

  test('takes a body of 256 KB and not a byte more', async () => {
    const body = (size: number) => `{"type":"noop","payload":"${'x'.repeat(size - 28)}"}`;
    expect((await api.post('/api/v1/jobs', body(262_144))).status).toBe(201);
    expectProblem(await api.post('/api/v1/jobs', body(262_145)), 413, 'body_too_large');
  });
});

describe('POST /api/v1/jobs/batch', () => {
  test('answers in the order sent, with each payload as it was sent', async () => {
    const jobs = Array.from({ length: 1000 }, (_, n) => `{"payload":{"n":${n}.0},"type":"noop"}`);
    const created = await api.post('/api/v1/jobs/batch', `{"jobs":[${jobs.join(' , ')}]}`);

    expect(created.status).toBe(201);
    expect(replies.jobs.parse(created.json).jobs).toHaveLength(1000);
    const payloads = [...created.text.matchAll(/"payload":(\{"n":\d+\.0\})/g)].map(([, payload]) => payload);
    expect(payloads).toEqual(Array.from({ length: 1000 }, (_, n) => `{"n":${n}.0}`));
  });

  test('writes all or none', async () => {
    await api.post('/api/v1/jobs', { type: 'noop', payload: 1, idempotency_key: 'taken' });
    const before = await api.written();
    const job = { type: 'noop', payload: 1 };

    const conflict = await api.post('/api/v1/jobs/batch', {
      jobs: [job, { ...job, payload: 2, idempotency_key: 'taken' }],
    });
    const unknown = await api.post('/api/v1/jobs/batch', { jobs: [job, { ...job, type: 'nope' }] });
    const large = await api.post('/api/v1/jobs/batch', {
      jobs: [job, { ...job, payload: 'x'.repeat(262_144) }],
    });
    const wrong = await api.post('/api/v1/jobs/batch', { jobs: [job, { ...job, priority: 'high' }, {}] });

    expectProblem(conflict, 409, 'idempotency_conflict');
    expectProblem(unknown, 422, 'unknown_job_type', ['jobs[1].type']);
    expectProblem(large, 413, 'body_too_large', ['jobs[1].payload']);
    expectProblem(wrong, 400, 'invalid_request', ['jobs[1].priority', 'jobs[2].type', 'jobs[2].payload']);
    expect(await api.written()).toBe(before);
  });

  test('answers a key used twice in it with one job', async () => {
    const job = { type: 'noop', payload: 1, idempotency_key: 'twice' };
    const created = await api.post('/api/v1/jobs/batch', { jobs: [job, job] });
    const [first, second] = replies.jobs.parse(created.json).jobs;
    expect(second?.id).toBe(first?.id);
  });

  test('takes 6 MB, and no more', async () => {
    const payload = 'x'.repeat(250_000);
    const jobs = (count: number) => ({
      jobs: Array.from({ length: count }, () => ({ type: 'noop', payload })),
    });
    expect((await api.post('/api/v1/jobs/batch', jobs(25))).status).toBe(201);
    expectProblem(await api.post('/api/v1/jobs/batch', jobs(26)), 413, 'body_too_large');
  });
});
