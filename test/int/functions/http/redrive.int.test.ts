import { describe, expect, test } from 'vitest';
import * as replies from '../../../../functions/http/replies.ts';
import * as workflows from '../../../../functions/http/workflow-replies.ts';
import { claimedJob, expectProblem, startApi } from './api.ts';

const api = startApi('kafka_outbox');

const UNKNOWN = '01a1fd51-a8f9-74ad-a06f-3986a43e21b1';

async function deadLetter(error = 'broken', body: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const { id, token } = await claimedJob(api, body);
  const failed = await api.post(`/api/v1/jobs/${id}/fail`, { token, error, retryable: false });
  expect(failed.json).toEqual({ id, status: 'dead_letter' });
  return id;
}

async function jobDetail(id: unknown) {
  return replies.jobDetail.parse((await api.get(`/api/v1/jobs/${id}`)).json);
}

async function attempt(id: string, error: string) {
  const claim = await api.post(`/api/v1/jobs/${id}/claim`, { worker_id: 'w' });
  expect(claim.status).toBe(200);
  return api.post(`/api/v1/jobs/${id}/fail`, { token: claim.json['token'], error });
}

async function messagesInOutbox(): Promise<number> {
  const { rows } = await api.database
    .pool()
    .query<{ messages: string }>('select coalesce(sum(message_count), 0) as messages from dispatch_outbox');
  return Number(rows[0]?.messages);
}

async function redrive(body: unknown) {
  const answer = await api.post('/api/v1/dead-letters/redrive', body);
  expect(answer.status).toBe(200);
  return replies.redriven.parse(answer.json);
}

describe('retrying an ended job', () => {
  test('queues it at once with a fresh budget, its attempts counted on and kept', async () => {
    const id = await deadLetter('first', { max_retries: 1 });
    const before = await messagesInOutbox();
    const retried = await api.post(`/api/v1/jobs/${id}/retry`, { actor: 'ada', reason: 'fixed' });

    expect(retried.status).toBe(200);
    expect(replies.job.parse(retried.json)).toMatchObject({ status: 'queued', attempt: 1, max_retries: 1 });
    expect(retried.json['completed_at']).toBeNull();
    expect(await messagesInOutbox()).toBe(before + 1);
    expect((await attempt(id, 'second')).json).toEqual({ id, status: 'retrying' });
    const detail = await jobDetail(id);
    expect(detail.attempts.map(({ attempt: n, error }) => [n, error])).toEqual([
      [1, 'first'],
      [2, 'second'],
    ]);
    expect(detail.audit.find(({ action }) => action === 'REDRIVEN')).toMatchObject({
      actor: 'ada',
      detail: { from: 'dead_letter', attempt: 1, reason: 'fixed' },
    });
  });

  test('takes a cancelled one too, and starts its workflow again where it ended', async () => {
    const steps = [{ name: 'a', type: 'noop', max_retries: 0 }];
    const { json } = await api.post('/api/v1/workflows', { name: 'w', steps });
    const workflow = async () =>
      workflows.workflow.parse((await api.get(`/api/v1/workflows/${json['id']}`)).json);
    const jobId = String((await workflow()).steps[0]?.job_id);
    await attempt(jobId, 'no');
    expect(await workflow()).toMatchObject({ status: 'failed' });

    expect((await api.post(`/api/v1/jobs/${jobId}/retry`, {})).status).toBe(200);
    expect(await workflow()).toMatchObject({ status: 'running', failure_reason: null, completed_at: null });

    await api.post(`/api/v1/jobs/${jobId}/cancel`, {});
    expect(await workflow()).toMatchObject({ status: 'cancelled' });
    expect((await api.post(`/api/v1/jobs/${jobId}/retry`, {})).status).toBe(200);
    const claim = await api.post(`/api/v1/jobs/${jobId}/claim`, { worker_id: 'w' });
    await api.post(`/api/v1/jobs/${jobId}/complete`, { token: claim.json['token'], result: 1 });
    expect(await workflow()).toMatchObject({ status: 'completed', failure_reason: null });
  });

  test('refuses every other state by name, and what is not there', async () => {
    const { id, token } = await claimedJob(api);
    const running = await api.post(`/api/v1/jobs/${id}/retry`, {});
    expectProblem(running, 409, 'illegal_transition');
    expect(running.json['detail']).toContain('running → queued');
    await api.post(`/api/v1/jobs/${id}/complete`, { token });
    const done = await api.post(`/api/v1/jobs/${id}/retry`, {});
    expect(done.json['detail']).toContain('completed → queued');
    expectProblem(await api.post(`/api/v1/jobs/${UNKNOWN}/retry`, {}), 404, 'not_found');
  });

  test('by many at once happens once', async () => {
    const id = await deadLetter();
    const before = await messagesInOutbox();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => api.post(`/api/v1/jobs/${id}/retry`, {})),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)]);
    expect(await messagesInOutbox()).toBe(before + 1);
  });
});

describe('dead letters', () => {
  test('are listed newest first, by type and by error', async () => {
    const ids = [
      await deadLetter('Timeout of mailer', { type: 'send-email' }),
      await deadLetter('out of disk', { type: 'send-email' }),
    ];
    const page = async (query: string) =>
      replies.jobPage.parse((await api.get(`/api/v1/dead-letters?${query}`)).json);
    const first = await page('type=send-email&limit=1');
    expect(first.jobs).toMatchObject([{ id: ids[1], status: 'dead_letter', last_error: 'out of disk' }]);
    const second = await page(`type=send-email&limit=1&cursor=${first.next_cursor}`);
    expect(second).toMatchObject({ jobs: [{ id: ids[0] }], next_cursor: null });
    expect((await page('error=TIMEOUT')).jobs.map(({ id }) => id)).toEqual([ids[0]]);
    expectProblem(await api.get('/api/v1/dead-letters?type=a%20b'), 400, 'invalid_request', ['type']);
  });

  test('are redriven by id, by filter or all, and only counted in a dry run', async () => {
    const error = `no space on device 7`;
    const ids = [await deadLetter(error), await deadLetter(error), await deadLetter(error)];
    const filter = { type: 'noop', error_contains: 'DEVICE 7', after: '2020-01-01T00:00:00Z' };

    expect(await redrive({ filter, dry_run: true })).toEqual({ matched: 3, redriven: 0, dry_run: true });
    expect(await redrive({ filter: { ...filter, before: '2020-01-02T00:00:00Z' } })).toMatchObject({
      matched: 0,
    });
    expect(await redrive({ ids: [ids[2], UNKNOWN] })).toEqual({ matched: 1, redriven: 1, dry_run: false });
    expect(await redrive({ filter, limit: 1 })).toMatchObject({ matched: 1, redriven: 1 });
    expect((await jobDetail(ids[0])).status).toBe('queued');
    expect((await jobDetail(ids[1])).status).toBe('dead_letter');
    await redrive({ all: true });
    expect(replies.jobPage.parse((await api.get('/api/v1/dead-letters')).json).jobs).toEqual([]);
    expect(await redrive({ all: true })).toEqual({ matched: 0, redriven: 0, dry_run: false });
  });

  test('are redriven once by two who ask at the same time', async () => {
    for (let n = 0; n < 10; n += 1) await deadLetter('twice');
    const before = await messagesInOutbox();
    const filter = { error_contains: 'twice' };
    const counts = await Promise.all([redrive({ filter }), redrive({ filter })]);
    expect(counts.reduce((sum, { redriven }) => sum + redriven, 0)).toBe(10);
    expect(await messagesInOutbox()).toBe(before + 10);
  });

  test('are redriven by the thousand, with large payloads in packs that the outbox takes', async () => {
    await api.database.pool().query(`
      insert into jobs (id, type, status, payload, max_retries, attempt, last_error, completed_at)
      select
        (lpad(to_hex((extract(epoch from now()) * 1000)::bigint), 12, '0') || '7000' || lpad(to_hex(n + 32768), 16, '8'))::uuid,
        'noop', 'dead_letter', to_json(repeat('x', case when n < 40 then 200000 else 1 end)), 0, 1, 'bulk', now()
      from generate_series(1, 1500) as n`);
    const before = await messagesInOutbox();
    const filter = { error_contains: 'bulk' };
    expect(await redrive({ filter })).toEqual({ matched: 1500, redriven: 1500, dry_run: false });
    expect(await messagesInOutbox()).toBe(before + 1500);
  });

  test('need exactly one selection', async () => {
    const path = '/api/v1/dead-letters/redrive';
    expectProblem(await api.post(path, {}), 400, 'invalid_request', ['body']);
    expectProblem(await api.post(path, { all: true, ids: [UNKNOWN] }), 400, 'invalid_request', ['body']);
    expectProblem(await api.post(path, { all: false }), 400, 'invalid_request', ['all']);
  });
});

describe('the retry policy of a job', () => {
  test('is kept and sets the delay; a failure may set its own', async () => {
    const retry = { base_ms: 3_600_000, max_ms: 7_200_000, jitter: 0 };
    const { id, token } = await claimedJob(api, { retry });
    expect((await jobDetail(id)).retry).toEqual(retry);
    const delayMs = async () => {
      const { run_at, updated_at } = await jobDetail(id);
      return Math.round((Date.parse(run_at) - Date.parse(updated_at)) / 1000) * 1000;
    };
    await api.post(`/api/v1/jobs/${id}/fail`, { token, error: 'no' });
    expect(await delayMs()).toBe(3_600_000);

    const other = await claimedJob(api, { retry });
    const failure = { ...other, error: 'later', retry_after_ms: 60_000 };
    await api.post('/api/v1/jobs/fail', { jobs: [failure] });
    const { run_at, updated_at, audit } = await jobDetail(other.id);
    expect(Math.round((Date.parse(run_at) - Date.parse(updated_at)) / 1000)).toBe(60);
    expect(audit).toMatchObject([{ action: 'JOB_RETRYING', detail: { delay_ms: 60_000 } }]);
  });

  test('of a step is that of its job, and of the steps after it', async () => {
    const steps = [
      { name: 'a', type: 'noop', retry: { base_ms: 5 } },
      { name: 'b', type: 'noop', retry: { base_ms: 7 } },
    ];
    const { json } = await api.post('/api/v1/workflows', { name: 'w', steps });
    const view = async () =>
      workflows.workflow.parse((await api.get(`/api/v1/workflows/${json['id']}`)).json);
    const first = String((await view()).steps[0]?.job_id);
    expect((await jobDetail(first)).retry).toEqual({ base_ms: 5 });
    const claim = await api.post(`/api/v1/jobs/${first}/claim`, { worker_id: 'w' });
    await api.post(`/api/v1/jobs/${first}/complete`, { token: claim.json['token'] });
    const second = (await view()).steps[1];
    expect(second?.retry).toEqual({ base_ms: 7 });
    expect((await jobDetail(second?.job_id)).retry).toEqual({ base_ms: 7 });
  });

  test('is refused where it makes no sense', async () => {
    const bad = { base_ms: 0, multiplier: 0.5, jitter: 2, factor: 1 };
    expectProblem(
      await api.post('/api/v1/jobs', { type: 'noop', payload: {}, retry: bad }),
      400,
      'invalid_request',
      ['retry.base_ms', 'retry.multiplier', 'retry.jitter', 'retry.factor'],
    );
  });
});
