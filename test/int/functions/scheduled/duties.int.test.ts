import { expect, test } from 'vitest';
import { compose } from '../../../../functions/compose.ts';
import { handler } from '../../../../functions/scheduled/duties.ts';
import { waitFor } from '../../../helpers/wait-for.ts';
import { startApi } from '../http/api.ts';

const api = startApi('polling');

async function statusOf(id: unknown): Promise<unknown> {
  return (await api.get(`/api/v1/jobs/${id}`)).json['status'];
}

async function enqueueDueSoon(): Promise<unknown> {
  const run_at = new Date(Date.now() + 200).toISOString();
  const job = await api.post('/api/v1/jobs', { type: 'noop', payload: {}, run_at });
  expect(job.json['status']).toBe('pending');
  return job.json['id'];
}

test('queues what is due, wakes whoever waits for it, and takes back what a worker let go', async () => {
  const stop = new AbortController();
  const duties = compose().duties(stop.signal);
  const id = await enqueueDueSoon();
  const poll = { types: ['noop'], worker_id: 'w', lease_seconds: 1, wait_ms: 10_000 };
  const { json } = await api.post('/api/v1/jobs/poll', poll);
  expect(json['jobs']).toMatchObject([{ attempt: 1, job: { id } }]);
  await waitFor(async () => (await statusOf(id)) === 'retrying', {
    within: 10_000,
    what: 'the lease to run out',
  });
  stop.abort();
  await duties;
});

test('two processes do the duties one at a time, and the second goes on when the first stops', async () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const running = [compose().duties(first.signal), compose().duties(second.signal)];
  await waitFor(async () => (await holders()) === 1, { within: 15_000 });
  first.abort();
  const id = await enqueueDueSoon();
  await waitFor(async () => (await statusOf(id)) === 'queued', { within: 10_000 });
  expect(await holders()).toBe(1);
  second.abort();
  await Promise.all(running);
  expect(await holders()).toBe(0);
});

test('the Lambda does the duties until its time is nearly over', async () => {
  const end = Date.now() + 8_000;
  const id = await enqueueDueSoon();
  await handler({}, { getRemainingTimeInMillis: () => end - Date.now() });
  expect(await statusOf(id)).toBe('queued');
  expect(Date.now()).toBeLessThan(end);
  expect(await holders()).toBe(0);
});

async function holders(): Promise<number> {
  const { rows } = await api.database.pool().query<{ held: number }>(
    `select count(*)::integer as held from pg_locks l join pg_stat_activity a using (pid)
     where l.locktype = 'advisory' and l.granted and a.application_name = 'millrace role duties'
       and a.datname = current_database()`,
  );
  return rows[0]?.held ?? 0;
}
