import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commandLine } from '../../cli/dev/backends/processes.ts';
import { failOnLeftoverProcesses } from '../helpers/leaks.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { createService, millrace, type Run } from './millrace.ts';

failOnLeftoverProcesses();

const SOON = { within: 30_000 };

interface DevState {
  readonly apiUrl: string;
  readonly metricsUrl: string;
  readonly postgresUrl: string;
  readonly kafkaBrokers: readonly string[];
  readonly pids: Readonly<Record<string, number>>;
}

let service: Awaited<ReturnType<typeof createService>>;
let stack: Run;
let state: DevState;

beforeAll(async () => {
  service = await createService();
  stack = millrace(['start'], {
    cwd: service.directory,
    env: { WE_DISPATCH_MODE: 'polling', WE_HTTP_PORT: '0', WE_GRPC_PORT: '0' },
  });
  await waitFor(
    () => {
      if (stack.child.exitCode !== null) throw new Error(stack.output());
      return stack.output().includes('\nready\n');
    },
    { within: 60_000, what: 'the stack to be ready' },
  );
  const text = await readFile(join(service.directory, '.millrace', 'dev.json'), 'utf8');
  state = JSON.parse(text) as DevState;
});

afterAll(async () => {
  stack.child.kill('SIGTERM');
  await stack.ended;
  await service[Symbol.asyncDispose]();
});

async function send(path: string, body: unknown): Promise<Record<string, unknown>> {
  const response = await fetch(state.apiUrl + path, { method: 'POST', body: JSON.stringify(body) });
  expect(response.status).toBe(201);
  return (await response.json()) as Record<string, unknown>;
}

async function get(path: string): Promise<Record<string, unknown>> {
  return (await (await fetch(state.apiUrl + path)).json()) as Record<string, unknown>;
}

async function outboxRowsEver(): Promise<unknown> {
  const client = new pg.Client({ connectionString: state.postgresUrl });
  await client.connect();
  try {
    // The numbers given to rows: one that came and went would show too.
    const { rows } = await client.query(
      `select pg_sequence_last_value(pg_get_serial_sequence('dispatch_outbox', 'id')::regclass) as last`,
    );
    return rows[0]?.last;
  } finally {
    await client.end();
  }
}

test('jobs, a delayed one and a workflow of three steps complete, and nothing goes through the outbox', async () => {
  const jobs = Array.from({ length: 200 }, (_, n) => ({
    type: 'send-email',
    payload: { to: `${n}@example.org` },
  }));
  const batch = (await send('/api/v1/jobs/batch', { jobs })) as { jobs: { id: string }[] };
  const later = await send('/api/v1/jobs', {
    type: 'noop',
    payload: {},
    run_at: new Date(Date.now() + 500).toISOString(),
  });
  const workflow = await send('/api/v1/workflows', {
    name: 'data-pipeline',
    steps: [
      { name: 'extract', type: 'extract', payload: { source: 'db' } },
      { name: 'process', type: 'process' },
      { name: 'notify', type: 'notify', payload: { channel: 'slack' } },
    ],
  });
  await waitFor(async () => (await get(`/api/v1/workflows/${workflow['id']}`))['status'] === 'completed', {
    ...SOON,
    what: 'the workflow to complete',
  });
  await waitFor(
    async () => {
      const { jobs: done } = (await get('/api/v1/jobs?status=completed&limit=1000')) as {
        jobs: { id: string }[];
      };
      const ids = new Set(done.map(({ id }) => id));
      return batch.jobs.every(({ id }) => ids.has(id)) && ids.has(String(later['id'])) && ids.size === 204;
    },
    { ...SOON, what: 'the jobs to complete' },
  );
  expect(await outboxRowsEver()).toBeNull();
});

test('the metrics are those of polling, and none of the relay', async () => {
  const text = await (await fetch(state.metricsUrl)).text();
  expect(text).toMatch(/^job_pickup_latency_count [1-9]/m);
  expect(text).toMatch(/^lock_wait_seconds_count [1-9]/m);
  expect(text).not.toMatch(/workflow_engine_/);
});

test('nothing of Kafka runs, is configured, or is spoken of', async () => {
  expect(state.kafkaBrokers).toEqual([]);
  expect(Object.keys(state.pids).sort()).toEqual(['api', 'dev', 'postgres', 'worker']);
  for (const pid of Object.values(state.pids)) expect(await commandLine(pid)).not.toMatch(/java|kafka/i);
  const logs = join(service.directory, '.millrace', 'dev', 'logs');
  const texts = await Promise.all((await readdir(logs)).map((name) => readFile(join(logs, name), 'utf8')));
  expect([stack.output(), ...texts].join('\n')).not.toMatch(/kafka|relay|broker/i);
});

test.each([
  ['jobs', 2_000, ['--batch', '100']],
  ['flaky', 2_000, ['--concurrency', '20', '--seed', 'e2e']],
  ['workflows', 100, []],
])('millrace load %s ends with the exact counts', { timeout: 90_000 }, async (scenario, count, more) => {
  const load = millrace([
    'load',
    scenario,
    '--count',
    String(count),
    '--url',
    state.apiUrl,
    '--json',
    ...more,
  ]);
  expect(await load.ended, load.output()).toBe(0);
  const result = JSON.parse(
    load
      .output()
      .split('\n')
      .find((line) => line.startsWith('{')) ?? '{}',
  );
  expect(result).toMatchObject({ scenario, count, ended: result.expected });
  expect(result.ended.completed + (result.ended.dead_letter ?? 0)).toBe(count);
  if (scenario === 'flaky') expect(result.ended.dead_letter).toBeGreaterThan(0);
});

test('millrace load says what is missing, and fails', async () => {
  const nobody = millrace(['load', 'jobs', '--count', '1', '--url', 'http://127.0.0.1:1', '--json']);
  expect(await nobody.ended).toBe(1);
  expect(nobody.output()).toMatch(/did not answer .*--url says where it is/);
});

test('it stops at once while the worker waits for jobs, without a word of complaint', async () => {
  stack.child.kill('SIGTERM');
  expect(await stack.ended).toBe(0);
  const logs = join(service.directory, '.millrace', 'dev', 'logs');
  for (const name of await readdir(logs)) {
    // The load test's flaky jobs fail on purpose.
    const complaint = /"level":"(warn|error)","msg":"(?!an attempt failed")/;
    expect(await readFile(join(logs, name), 'utf8')).not.toMatch(complaint);
  }
});
