import { expect, test } from 'vitest';
import { admitLimitedJobs } from '../../../../engine/roles/limited-jobs.ts';
import { compose } from '../../../../functions/compose.ts';
import * as replies from '../../../../functions/http/replies.ts';
import { expectProblem, startApi } from './api.ts';

const api = startApi('kafka_outbox');

function enqueue(unique: object, more: object = {}) {
  return api.post('/api/v1/jobs', { type: 'noop', payload: {}, unique, ...more });
}

async function outboxMessages(): Promise<number> {
  const { rows } = await api.database
    .pool()
    .query('select coalesce(sum(message_count), 0)::integer as count from dispatch_outbox');
  return rows[0].count;
}

async function openJobs(key: string): Promise<number> {
  const { rows } = await api.database
    .pool()
    .query('select count(*)::integer as count from jobs where unique_key = $1 and completed_at is null', [
      key,
    ]);
  return rows[0].count;
}

test.each(['drop', 'replace'])(
  '200 clients at once with one key and the mode %s leave one job',
  async (mode) => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => enqueue({ key: `crowd-${mode}`, mode })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(await openJobs(`crowd-${mode}`)).toBe(1);
    const joined = answers.filter(({ headers }) => headers.get('unique-joined') === 'true');
    if (mode === 'drop') expect(joined).toHaveLength(199);
    replies.job.parse(answers[0]?.json);
  },
);

test('200 clients at once debounce one job, with the payload of one of them', async () => {
  const rule = { key: 'crowd-debounce', mode: 'debounce', delay_ms: 60_000 };
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, index) => enqueue(rule, { payload: { index } })),
  );
  expect(new Set(answers.map(({ json }) => json['id'])).size).toBe(1);
  expect(answers[0]?.json).toMatchObject({ status: 'pending', unique_key: 'crowd-debounce' });
});

test('a job that is dropped or replaced has one message in the outbox a job that is written', async () => {
  const before = await outboxMessages();
  await enqueue({ key: 'message' });
  await enqueue({ key: 'message' });
  expect(await outboxMessages()).toBe(before + 1);
  const replaced = await enqueue({ key: 'message', mode: 'replace' });
  expect(replaced.headers.get('unique-joined')).toBeNull();
  expect(await outboxMessages()).toBe(before + 2);
});

test('a batch takes unique jobs among others, in the order sent', async () => {
  const jobs = [
    { type: 'noop', payload: 0 },
    { type: 'noop', payload: 1, unique: { key: 'batch' } },
    { type: 'noop', payload: 2, unique: { key: 'batch' } },
    { type: 'noop', payload: 3, idempotency_key: 'batch' },
  ];
  const answer = replies.jobs.parse((await api.post('/api/v1/jobs/batch', { jobs })).json).jobs;
  expect(answer.map(({ payload }) => payload)).toEqual([0, 1, 1, 3]);
  expect(answer[1]?.id).toBe(answer[2]?.id);
});

test('rules that contradict themselves are refused', async () => {
  expectProblem(await enqueue({ key: 'k', mode: 'debounce' }), 400, 'invalid_request', ['unique']);
  expectProblem(await enqueue({ key: 'k', delay_ms: 5 }), 400, 'invalid_request', ['unique']);
  expectProblem(await enqueue({ key: 'k', mode: 'twice' }), 400, 'invalid_request', ['unique.mode']);
  expectProblem(await enqueue({ key: 'k' }, { idempotency_key: 'i' }), 400, 'invalid_request', ['body']);
});

test('a job with a limit gets its message when it is let in, and no worker meets it before', async () => {
  const before = await outboxMessages();
  const limited = { type: 'noop', payload: {}, concurrency: { key: 'kafka', limit: 1 } };
  const ids: unknown[] = [];
  for (let index = 0; index < 2; index += 1) ids.push((await api.post('/api/v1/jobs', limited)).json['id']);
  expect(await outboxMessages()).toBe(before);
  const { deps } = compose();
  expect(await admitLimitedJobs(deps, 10)).toBe(1);
  expect(await outboxMessages()).toBe(before + 1);
  expectProblem(
    await api.post(`/api/v1/jobs/${ids[1]}/claim`, { worker_id: 'w' }),
    409,
    'illegal_transition',
  );
  const { json } = await api.post(`/api/v1/jobs/${ids[0]}/claim`, { worker_id: 'w' });
  expect(await admitLimitedJobs(deps, 10)).toBe(0);
  await api.post(`/api/v1/jobs/${ids[0]}/complete`, { token: json['token'] });
  expect(await admitLimitedJobs(deps, 10)).toBe(1);
  expect(await outboxMessages()).toBe(before + 2);
});
