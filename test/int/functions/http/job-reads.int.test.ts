import { describe, expect, test } from 'vitest';
import * as replies from '../../../../functions/http/replies.ts';
import { type Answer, claimedJob, expectProblem, startApi } from './api.ts';

const api = startApi('kafka_outbox');

const UNKNOWN = '01a1fd51-a8f9-74ad-a06f-3986a43e21b1';

describe('GET /api/v1/jobs', () => {
  test('pages through the jobs of a type, newest first, meeting each once', async () => {
    const jobs = Array.from({ length: 25 }, (_, n) => ({ type: 'send-email', payload: n }));
    const created = replies.jobs.parse((await api.post('/api/v1/jobs/batch', { jobs })).json).jobs;

    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query = cursor === '' ? '' : `&cursor=${cursor}`;
      const answer: Answer = await api.get(`/api/v1/jobs?type=send-email&limit=10${query}`);
      const page = replies.jobPage.parse(answer.json);
      seen.push(...page.jobs.map(({ id }) => id));
      cursor = page.next_cursor;
    }

    expect(seen).toEqual(created.map(({ id }) => id).reverse());
  });

  test('ends a page early before it is larger than Lambda can answer with', async () => {
    const payload = 'x'.repeat(250_000);
    const jobs = Array.from({ length: 12 }, () => ({ type: 'notify', payload }));
    await api.post('/api/v1/jobs/batch', { jobs });

    const first = await api.get('/api/v1/jobs?type=notify');
    const second = await api.get(`/api/v1/jobs?type=notify&cursor=${first.json['next_cursor']}`);
    expect(first.text.length).toBeLessThan(2_000_000);
    const ids = [first, second].flatMap(({ json }) => replies.jobPage.parse(json).jobs.map(({ id }) => id));
    expect(new Set(ids).size).toBeGreaterThan(6);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('selects by status', async () => {
    const { id } = await claimedJob(api);
    const running = replies.jobPage.parse((await api.get('/api/v1/jobs?status=running')).json);
    expect(running.jobs.map((job) => job.id)).toContain(id);
    expect(running.jobs.every(({ status }) => status === 'running')).toBe(true);
  });

  test.each([
    ['status=done', 'status'],
    ['status=queued&status=running', 'status'],
    ['type=no%20pe', 'type'],
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=ten', 'limit'],
    ['cursor=nope', 'cursor'],
    ['sort=asc', 'sort'],
    ['__proto__=1', '__proto__'],
  ])('refuses ?%s', async (query, field) => {
    expectProblem(await api.get(`/api/v1/jobs?${query}`), 400, 'invalid_request', [field]);
  });
});

describe('GET /api/v1/jobs/{id}', () => {
  test('shows the attempts and what happened', async () => {
    const { id, token } = await claimedJob(api, { max_retries: 0 });
    await api.post(`/api/v1/jobs/${id}/fail`, { token, error: 'it broke' });

    const job = replies.jobDetail.parse((await api.get(`/api/v1/jobs/${id}`)).json);

    expect(job).toMatchObject({ status: 'dead_letter', last_error: 'it broke' });
    expect(job.attempts).toMatchObject([
      { attempt: 1, outcome: 'failed', worker_id: 'w', error: 'it broke' },
    ]);
    expect(job.audit.map(({ action }) => action)).toEqual(['JOB_DEAD_LETTER']);
  });

  test('shows the attempt under way, and never the token', async () => {
    const { id, token } = await claimedJob(api);
    const answer = await api.get(`/api/v1/jobs/${id.toUpperCase()}`);
    const job = replies.jobDetail.parse(answer.json);
    expect(job.attempts).toMatchObject([{ attempt: 1, outcome: 'running', worker_id: 'w', ended_at: null }]);
    expect(answer.text).not.toContain(token);
  });

  test('says what is wrong with an id', async () => {
    expectProblem(await api.get('/api/v1/jobs/17'), 400, 'invalid_request', ['id']);
    expectProblem(await api.get(`/api/v1/jobs/${UNKNOWN}`), 404, 'not_found');
  });
});
