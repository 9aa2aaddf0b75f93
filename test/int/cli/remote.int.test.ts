import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { claimedJob, startApi } from '../functions/http/api.ts';

const api = startApi('polling');

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function millrace(args: readonly string[], { url = api.url, input = '' } = {}): Promise<Ran> {
  return new Promise((done) => {
    const env = { ...process.env, WE_API_URL: url };
    const child = execFile(process.execPath, [resolve('cli/main.ts'), ...args], { env }, (error, out, err) =>
      done({ code: error ? Number(error.code) : 0, out, err }),
    );
    child.stdin?.end(input);
  });
}

async function answered(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { out } = await millrace([...args, '--json']);
  return JSON.parse(out) as Record<string, unknown>;
}

async function deadLetter(error: string): Promise<string> {
  const { id, token } = await claimedJob(api, { max_retries: 0 });
  await api.post(`/api/v1/jobs/${id}/fail`, { token, error });
  return id;
}

test('a job is enqueued with its payload as it was written, found, shown and cancelled', async () => {
  const payload = '{"big":12345678901234567890,"to":"ada"}';
  const made = await millrace(['jobs', 'enqueue', 'noop', '-', '--idempotency-key', 'k', '--json'], {
    input: payload,
  });
  expect(made.code).toBe(0);
  expect(made.out).toContain(payload);
  const { id } = JSON.parse(made.out) as { id: string };

  const listed = await millrace(['jobs', 'list', '--text', 'ADA']);
  expect(listed.out).toContain(`${id}  noop  queued`);
  expect(listed.out).not.toContain('\u001B');
  expect((await millrace(['jobs', 'get', id])).out).toContain('queued');
  expect(await answered('jobs', 'cancel', id, '--actor', 'ada', '--reason', 'typo')).toMatchObject({
    status: 'cancelled',
  });
  const { json } = await api.get(`/api/v1/jobs/${id}`);
  expect(json['audit']).toMatchObject([
    { actor: 'ada', action: 'JOB_CANCELLED', detail: { reason: 'typo' } },
  ]);
  expect((await millrace(['jobs', 'watch', id])).code).toBe(6);
});

test('the exit code says what is wrong, the message what to do', async () => {
  const missing = await millrace(['jobs', 'get', '00000000-0000-7000-8000-000000000000']);
  expect([missing.code, missing.err]).toEqual([3, expect.stringContaining('no job')]);
  expect((await millrace(['jobs', 'get', 'x'])).code).toBe(2);
  expect((await millrace(['jobs', 'enqueue', 'no-such-type'])).code).toBe(2);
  const malformed = await millrace(['jobs', 'enqueue', 'noop', '{']);
  expect([malformed.code, malformed.err]).toEqual([2, expect.stringContaining('not JSON')]);
  const { id, token } = await claimedJob(api);
  await api.post(`/api/v1/jobs/${id}/complete`, { token });
  expect((await millrace(['jobs', 'cancel', id])).code).toBe(4);
  expect((await millrace(['jobs', 'watch', id])).code).toBe(0);
  const away = await millrace(['jobs', 'list'], { url: 'http://127.0.0.1:9' });
  expect([away.code, away.err]).toEqual([5, expect.stringContaining('WE_API_URL')]);
});

test('dead letters are counted, then redriven, by filter', async () => {
  const [one, other] = [await deadLetter('disk full'), await deadLetter('\u001B[31mother')];
  const listed = await millrace(['dlq', 'list']);
  expect(listed.out).toContain(one);
  expect(listed.out).not.toContain('\u001B');
  expect((await millrace(['dlq', 'redrive'])).code).toBe(2);
  expect(await answered('dlq', 'redrive', '--error', 'DISK', '--dry-run')).toMatchObject({
    matched: 1,
    redriven: 0,
  });
  expect(await answered('dlq', 'redrive', '--error', 'DISK')).toMatchObject({ matched: 1, redriven: 1 });
  expect(await answered('jobs', 'retry', other)).toMatchObject({ status: 'queued' });
});

test('a workflow is started, listed, shown and cancelled', async () => {
  const request = JSON.stringify({
    name: 'order',
    foreign_id: 'o-1',
    steps: [{ name: 'a', type: 'extract' }],
  });
  const { id } = await answered('workflows', 'start', request);
  expect((await millrace(['workflows', 'list', '--foreign-id', 'o-1'])).out).toContain(
    `${id}  order  running`,
  );
  expect((await millrace(['workflows', 'get', String(id)])).out).toContain('extract');
  expect((await millrace(['workflows', 'cancel', String(id)])).code).toBe(0);
  expect(await answered('workflows', 'get', String(id))).toMatchObject({ status: 'cancelled' });
});

test('a schedule is paused, resumed and run', async () => {
  await api.post('/api/v1/schedules', { name: 'nightly', cron: '0 2 * * *', type: 'noop', payload: {} });
  expect(await answered('schedules', 'pause', 'nightly')).toMatchObject({ enabled: false });
  expect((await millrace(['schedules', 'list'])).out).toContain('paused');
  expect(await answered('schedules', 'resume', 'nightly')).toMatchObject({ enabled: true });
  expect(await answered('schedules', 'run', 'nightly')).toMatchObject({ type: 'noop', status: 'queued' });
});
