import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeKafka } from '../helpers/kafka.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { createService, isAlive, millrace, type Run } from './millrace.ts';

const run = promisify(execFile);
const BOOT = { within: 90_000, what: 'the stack to be ready' };
const SOON = { within: 30_000 };

interface DevState {
  apiUrl: string;
  uiUrl: string;
  metricsUrl: string;
  postgresUrl: string;
  kafkaBrokers: string[];
  pids: Record<string, number>;
}

describeKafka('npm start', () => {
  let service: Awaited<ReturnType<typeof createService>>;
  let stack: Run;
  let state: DevState;

  beforeAll(async () => {
    service = await createService();
    ({ stack, state } = await startStack());
  });

  afterAll(async () => {
    stack.child.kill('SIGTERM');
    await stack.ended;
    await service[Symbol.asyncDispose]();
  });

  async function startStack(...options: string[]): Promise<{ stack: Run; state: DevState }> {
    const started = millrace(['start', ...options], {
      cwd: service.directory,
      // A job that a killed worker had claimed comes back when its lease is over.
      env: { WE_HTTP_PORT: '0', WE_METRICS_PORT: '0', WE_LEASE_SECONDS: '5' },
    });
    await waitFor(() => {
      if (started.child.exitCode !== null) throw new Error(started.output());
      return started.output().includes('\nready\n');
    }, BOOT);
    return { stack: started, state: JSON.parse(await readFile(statePath(), 'utf8')) as DevState };
  }

  function statePath(): string {
    return join(service.directory, '.millrace', 'dev.json');
  }

  async function post(path: string, body: unknown): Promise<Record<string, unknown>> {
    const response = await fetch(state.apiUrl + path, { method: 'POST', body: JSON.stringify(body) });
    expect(response.status).toBe(201);
    return (await response.json()) as Record<string, unknown>;
  }

  async function sql<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: state.postgresUrl });
    await client.connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  async function statusOf(id: unknown): Promise<unknown> {
    const response = await fetch(`${state.apiUrl}/api/v1/jobs/${id}`);
    return ((await response.json()) as { status: unknown }).status;
  }

  test('an outbox row is there until the relay has published it, and the job completes', async () => {
    const relay = state.pids['relay'] ?? 0;
    process.kill(relay, 'SIGSTOP');
    const job = await post('/api/v1/jobs', {
      type: 'send-email',
      payload: { to: 'ada@example.org', n: 1 },
    }).finally(async () => {
      const [row] = await sql<{ count: string }>('select count(*) from dispatch_outbox');
      process.kill(relay, 'SIGCONT');
      expect(row?.count).toBe('1');
    });

    await waitFor(async () => (await statusOf(job['id'])) === 'completed', {
      ...SOON,
      what: 'the job to complete',
    });
    await waitFor(
      async () => (await sql<{ count: string }>('select count(*) from dispatch_outbox'))[0]?.count === '0',
      SOON,
    );
    const audit = await waitFor(async () => {
      const rows = await sql(
        `select * from audit_log where job_id = $1 and action = 'DISPATCHED_VIA_BROKER'`,
        [job['id']],
      );
      return rows.length > 0 ? rows : undefined;
    }, SOON);
    expect(audit).toHaveLength(1);
  });

  test('the message can be decoded with the .proto alone', async () => {
    const job = await post('/api/v1/jobs', {
      type: 'noop',
      payload: { deep: [1, { b: 'ü' }] },
      max_retries: 2,
    });

    const message = await firstMessage(state.kafkaBrokers, 'workflow.jobs.noop', String(job['id']));

    const decoded = await decodeWithBuf(message);
    expect(decoded).toMatchObject({
      schemaVersion: 1,
      jobId: job['id'],
      jobType: 'noop',
      retriesRemaining: 2,
      attempt: 1,
    });
    expect(Buffer.from(String(decoded['jobPayload']), 'base64').toString()).toBe('{"deep":[1,{"b":"ü"}]}');
  });

  test('the metrics have the promised names, and none of the polling mode', async () => {
    const text = await (await fetch(state.metricsUrl)).text();

    expect(text).toMatch(/^workflow_engine_dispatch_outbox_backlog \d+$/m);
    expect(text).toMatch(/^workflow_engine_dispatch_relay_publish_total\{result="success"\} \d+$/m);
    expect(text).toMatch(/^workflow_engine_dispatch_relay_leader 1$/m);
    expect(text).not.toMatch(/job_pickup_latency|lock_wait_seconds/);
  });

  test('a second start beside the first is refused with the process that runs', async () => {
    const second = millrace(['start'], { cwd: service.directory });

    expect(await second.ended).toBe(1);
    expect(second.output()).toContain(String(state.pids['dev']));
  });

  test('after kill -9 nothing of ours is left working, and the next start recovers with the data', async () => {
    const job = await post('/api/v1/jobs', {
      type: 'noop',
      payload: {},
      idempotency_key: 'before-the-crash',
    });
    const { dev = 0, api = 0, relay = 0, worker = 0 } = state.pids;

    process.kill(dev, 'SIGKILL');
    await stack.ended;
    await waitFor(() => [api, relay, worker].every((pid) => !isAlive(pid)), {
      ...SOON,
      what: 'the children to end',
    });
    ({ stack, state } = await startStack());

    await waitFor(async () => (await statusOf(job['id'])) === 'completed', SOON);
    const again = await post('/api/v1/jobs', {
      type: 'noop',
      payload: {},
      idempotency_key: 'before-the-crash',
    });
    expect(again['id']).toBe(job['id']);
  });

  test('--fresh empties the data, also under servers that a killed run has left', async () => {
    const job = await post('/api/v1/jobs', { type: 'noop', payload: {} });
    const left = [state.pids['postgres'] ?? 0, state.pids['kafka'] ?? 0];

    process.kill(state.pids['dev'] ?? 0, 'SIGKILL');
    await stack.ended;
    ({ stack, state } = await startStack('--fresh'));

    expect((await fetch(`${state.apiUrl}/api/v1/jobs/${job['id']}`)).status).toBe(404);
    expect(left.filter(isAlive)).toEqual([]);
  });

  test('Ctrl-C stops every process and removes the state file', async () => {
    const pids = Object.values(state.pids);

    process.kill(state.pids['dev'] ?? 0, 'SIGINT');

    expect(await stack.ended).toBe(0);
    expect(existsSync(statePath())).toBe(false);
    expect(pids.filter(isAlive)).toEqual([]);
  });
});

/** Any Kafka consumer would do: this one reads the topic from the start until it meets the key. */
async function firstMessage(brokers: string[], topic: string, key: string): Promise<Buffer> {
  const consumer = new Kafka({ brokers, logLevel: logLevel.NOTHING }).consumer({ groupId: `reader-${key}` });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    return await new Promise<Buffer>((found, reject) => {
      consumer
        .run({
          eachMessage: async ({ message }) => {
            if (message.key?.toString() === key && message.value) found(message.value);
          },
        })
        .catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
}

async function decodeWithBuf(message: Buffer): Promise<Record<string, unknown>> {
  const root = resolve(import.meta.dirname, '../..');
  const child = run(
    join(root, 'node_modules', '.bin', 'buf'),
    [
      'convert',
      'events/proto',
      '--type',
      'millrace.v1.JobDispatchEvent',
      '--from',
      '-#format=binpb',
      '--to',
      '-#format=json',
    ],
    { cwd: root },
  );
  child.child.stdin?.end(message);
  return JSON.parse((await child).stdout) as Record<string, unknown>;
}
