import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { createDatabase } from '../helpers/database.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { createService, millrace, type Run } from './millrace.ts';

const CANARY = 'canary-7d1f3b';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function end(run: Run): Promise<void> {
  run.child.kill('SIGTERM');
  await run.ended;
}

/** What everybody on the machine may read of every process: how it was started. */
async function processList(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  // One that has ended meanwhile has no more to show.
  return Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
}

test('no key, token, cookie, payload or password is in anything that a process writes, or in the list of processes', async () => {
  await using service = await createService();
  await using database = await createDatabase();
  const port = await freePort();
  const dsn = new URL(database.dsn);
  dsn.searchParams.set('application_name', 'canary-test');
  const api = millrace(['api'], {
    cwd: service.directory,
    env: { WE_POSTGRES_DSN: dsn.href, WE_AUTH: 'keys', WE_HTTP_PORT: String(port), WE_LOG_LEVEL: 'debug' },
  });
  const secret = encodeURIComponent(`${CANARY}-password`);
  const outside = {
    WE_POSTGRES_DSN: `postgres://ada:${secret}@127.0.0.1:1/none`,
    WE_API_KEY: `mrk_${CANARY}`,
  };
  const broken = [
    millrace(['migrate', 'status'], { cwd: service.directory, env: outside }),
    millrace(['jobs', 'list'], {
      cwd: service.directory,
      env: { ...outside, WE_API_URL: `http://127.0.0.1:${port}` },
    }),
    millrace(['relay'], {
      cwd: service.directory,
      env: {
        ...outside,
        WE_DISPATCH_MODE: 'kafka_outbox',
        WE_KAFKA_TRANSPORT: 'sasl_scram_tls',
        WE_KAFKA_SEED_BROKERS: '127.0.0.1:1',
        WE_KAFKA_SASL_USERNAME: 'ada',
        WE_KAFKA_SASL_PASSWORD: `${CANARY}-scram`,
      },
    }),
  ];
  const deadline = setTimeout(() => {
    for (const { child } of broken) child.kill('SIGTERM');
  }, 12_000);
  try {
    await waitFor(() => api.output().includes('api listening'), { within: 60_000, what: 'the API' });
    const headers = {
      authorization: `Bearer ${CANARY}`,
      cookie: `millrace_session=${CANARY}`,
      'content-type': 'application/json',
    };
    const body = JSON.stringify({ type: 'noop', payload: { secret: CANARY } });
    const url = `http://127.0.0.1:${port}`;
    const answers = await Promise.all([
      fetch(`${url}/api/v1/jobs`, { method: 'POST', headers, body }),
      fetch(`${url}/ui/session`, { method: 'POST', headers, body: JSON.stringify({ key: CANARY }) }),
      fetch(`${url}/api/v1/jobs?text=%00${'x'.repeat(10)}`, { headers }),
    ]);
    for (const answer of answers) expect(await answer.text()).not.toContain(CANARY);
    if (process.platform === 'linux') {
      const shown = await processList();
      expect(shown.some((line) => line.split('\0').includes('api'))).toBe(true);
      expect(shown.filter((line) => line.includes(CANARY))).toEqual([]);
    }
    await Promise.all(broken.map(({ ended }) => ended));
  } finally {
    clearTimeout(deadline);
    await end(api);
  }
  for (const { output } of [api, ...broken]) expect(output()).not.toContain(CANARY);
  expect(broken.every(({ output }) => output() !== '')).toBe(true);
});
