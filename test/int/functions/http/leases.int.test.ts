import { describe, expect, test } from 'vitest';
import * as replies from '../../../../functions/http/replies.ts';
import { claimedJob, expectProblem, startApi } from './api.ts';

const api = startApi('polling');

const UNKNOWN = '01a1fd51-a8f9-74ad-a06f-3986a43e21b1';

async function queuedJobs(count: number, payload: unknown = {}): Promise<string[]> {
  const jobs = Array.from({ length: count }, () => ({ type: 'noop', payload }));
  const created = await api.post('/api/v1/jobs/batch', { jobs });
  return replies.jobs.parse(created.json).jobs.map(({ id }) => id);
}

describe('claim', () => {
  test('gives lease, token and job to one caller; the next is told the states', async () => {
    const [id] = await queuedJobs(1);
    const before = Date.now();
    const claim = await api.post(`/api/v1/jobs/${id}/claim`, { worker_id: 'w', lease_seconds: 60 });
    const again = await api.post(`/api/v1/jobs/${id}/claim`, { worker_id: 'other' });

    const { job, attempt, lease_until } = replies.claimed.parse(claim.json);
    expect(job).toMatchObject({ id, status: 'running', attempt: 1, worker_id: 'w' });
    expect(attempt).toBe(1);
    expect(Date.parse(lease_until) - before).toBeGreaterThan(55_000);
    expect(Date.parse(lease_until) - before).toBeLessThan(65_000);
    expectProblem(again, 409, 'illegal_transition');
    expect(again.json['detail']).toContain('running → running');
  });

  test('is given to one of many who ask at once', async () => {
    const [id] = await queuedJobs(1);
    const claims = await Promise.all(
      Array.from({ length: 20 }, (_, n) => api.post(`/api/v1/jobs/${id}/claim`, { worker_id: `w${n}` })),
    );
    expect(claims.map(({ status }) => status).sort()).toEqual([200, ...Array(19).fill(409)]);
  });

  test('of a job that is not there or has ended is refused', async () => {
    expectProblem(await api.post(`/api/v1/jobs/${UNKNOWN}/claim`, { worker_id: 'w' }), 404, 'not_found');
    const { id, token } = await claimedJob(api);
    await api.post(`/api/v1/jobs/${id}/complete`, { token });
    const late = await api.post(`/api/v1/jobs/${id}/claim`, { worker_id: 'w' });
    expectProblem(late, 409, 'illegal_transition');
    expect(late.json['detail']).toContain('completed → running');
  });

  test('of many answers for each in the order sent, and alike for an id sent twice', async () => {
    const [first, second] = await queuedJobs(2);
    const { id: running } = await claimedJob(api);
    const answer = await api.post('/api/v1/jobs/claim', {
      ids: [first, UNKNOWN, running, second?.toUpperCase(), first],
      worker_id: 'w',
    });

    const { results } = replies.claims.parse(answer.json);
    expect(results.map(({ id, outcome }) => [id, outcome])).toEqual([
      [first, 'claimed'],
      [UNKNOWN, 'not_found'],
      [running, 'not_claimable'],
      [second, 'claimed'],
      [first, 'claimed'],
    ]);
    expect(results[4]).toEqual(results[0]);
    expect(results[2]).toMatchObject({ status: 'running' });
  });

  test('of many large jobs tells every token, and leaves payloads out once the answer is full', async () => {
    const ids = await queuedJobs(10, 'x'.repeat(250_000));
    const answer = await api.post('/api/v1/jobs/claim', { ids, worker_id: 'w' });

    const { results } = replies.claims.parse(answer.json);
    expect(answer.text.length).toBeLessThan(2_000_000);
    expect(results.every(({ outcome }) => outcome === 'claimed')).toBe(true);
    const omitted = results.filter((result) => result.outcome === 'claimed' && result.job.payload_omitted);
    expect(omitted.length).toBeGreaterThan(0);
    expect(omitted.length).toBeLessThan(10);
  });
});

describe('heartbeat', () => {
  test('extends the lease of the current token only', async () => {
    const { id, token } = await claimedJob(api);
    const before = Date.now();
    const beat = await api.post(`/api/v1/jobs/${id}/heartbeat`, { token, lease_seconds: 600 });
    const stale = await api.post(`/api/v1/jobs/${id}/heartbeat`, { token: UNKNOWN });
    const missing = await api.post(`/api/v1/jobs/${UNKNOWN}/heartbeat`, { token });

    expect(Date.parse(replies.heartbeat.parse(beat.json).lease_until) - before).toBeGreaterThan(590_000);
    expectProblem(stale, 409, 'stale_token');
    expect(stale.json).toMatchObject({ job_status: 'running' });
    expectProblem(missing, 404, 'not_found');
  });

  test('of many answers for each', async () => {
    const held = await claimedJob(api);
    const jobs = [held, { id: UNKNOWN, token: UNKNOWN }, { id: held.id, token: UNKNOWN }];
    const answer = await api.post('/api/v1/jobs/heartbeat', { jobs });
    const { results } = replies.heartbeats.parse(answer.json);
    expect(results.map(({ outcome }) => outcome)).toEqual(['extended', 'not_found', 'lost']);
  });
});

describe('complete', () => {
  test('records the result, and answers a repetition alike', async () => {
    const { id, token } = await claimedJob(api);
    const first = await api.post(`/api/v1/jobs/${id}/complete`, { token, result: { ok: true } });
    const again = await api.post(`/api/v1/jobs/${id}/complete`, { token, result: { ok: true } });

    expect(first.json).toEqual({ id, status: 'completed' });
    expect(again.status).toBe(200);
    expect(again.text).toBe(first.text);
  });

  test('refuses another token, records that it came, and changes nothing', async () => {
    const { id, token } = await claimedJob(api);
    expectProblem(
      await api.post(`/api/v1/jobs/${id}/complete`, { token: UNKNOWN, result: 1 }),
      409,
      'stale_token',
    );
    await api.post(`/api/v1/jobs/${id}/complete`, { token });

    const job = replies.jobDetail.parse((await api.get(`/api/v1/jobs/${id}`)).json);
    expect(job).toMatchObject({ status: 'completed', result: null });
    expect(job.audit.map(({ action }) => action)).toEqual(['LATE_RESULT_REFUSED']);
    expect(job.attempts).toMatchObject([{ attempt: 1, outcome: 'completed' }]);
  });

  test('takes a result of 256 KB and not a byte more', async () => {
    const { id, token } = await claimedJob(api);
    const path = `/api/v1/jobs/${id}/complete`;
    expectProblem(await api.post(path, { token, result: 'x'.repeat(262_143) }), 413, 'body_too_large', [
      'result',
    ]);
    expect((await api.post(path, { token, result: 'x'.repeat(262_142) })).status).toBe(200);
  });

  test('of many answers for each', async () => {
    const held = await claimedJob(api);
    const answer = await api.post(
      '/api/v1/jobs/complete',
      `{"jobs":[{"id":"${held.id}","token":"${held.token}","result":{"2":1.0,"1":1}},{"id":"${UNKNOWN}","token":"${UNKNOWN}"},{"id":"${held.id}","token":"${UNKNOWN}"}]}`,
    );
    const { results } = replies.settlements.parse(answer.json);
    expect(results.map(({ outcome }) => outcome)).toEqual(['settled', 'not_found', 'refused']);
    expect((await api.get(`/api/v1/jobs/${held.id}`)).text).toContain('"result":{"2":1.0,"1":1}');
  });
});

describe('fail', () => {
  test('leads to a retry while there are any left, and keeps what was said', async () => {
    const { id, token } = await claimedJob(api, { max_retries: 1 });
    const failed = await api.post(`/api/v1/jobs/${id}/fail`, { token, error: 'a\0b \ud800' });
    const again = await api.post(`/api/v1/jobs/${id}/fail`, { token, error: 'a\0b \ud800' });

    expect(failed.json).toEqual({ id, status: 'retrying' });
    expect(again.text).toBe(failed.text);
    const job = replies.jobDetail.parse((await api.get(`/api/v1/jobs/${id}`)).json);
    expect(job.last_error).toBe('a\uFFFDb \uFFFD');
  });

  test.each([
    ['when it cannot help to try again', { retryable: false }, 'dead_letter'],
    ['otherwise', {}, 'retrying'],
  ])('%s: %s leads to %s', async (_name, more, status) => {
    const { id, token } = await claimedJob(api);
    const failed = await api.post(`/api/v1/jobs/${id}/fail`, { token, error: 'no', ...more });
    expect(failed.json).toEqual({ id, status });
  });

  test('refuses another token', async () => {
    const { id } = await claimedJob(api);
    expectProblem(
      await api.post(`/api/v1/jobs/${id}/fail`, { token: UNKNOWN, error: 'no' }),
      409,
      'stale_token',
    );
    expectProblem(
      await api.post(`/api/v1/jobs/${UNKNOWN}/fail`, { token: UNKNOWN, error: 'no' }),
      404,
      'not_found',
    );
  });

  test('of many answers for each', async () => {
    const held = await claimedJob(api);
    const jobs = [
      { ...held, error: 'no' },
      { id: UNKNOWN, token: UNKNOWN, error: 'no' },
    ];
    const { results } = replies.settlements.parse((await api.post('/api/v1/jobs/fail', { jobs })).json);
    expect(results.map(({ outcome }) => outcome)).toEqual(['settled', 'not_found']);
  });
});
