import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createService } from '../../e2e/millrace.ts';
import { failOnLeftoverProcesses } from '../../helpers/leaks.ts';
import { startOtlpReceiver } from '../../helpers/otlp-receiver.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { startApi } from '../functions/http/api.ts';

failOnLeftoverProcesses();
const api = startApi('polling');
const MAIN = resolve(import.meta.dirname, '../../../cli/main.ts');
let service: Awaited<ReturnType<typeof createService>>;

beforeAll(async () => {
  service = await createService();
});

afterAll(() => service[Symbol.asyncDispose]());

/** Prints the address of each module as it is resolved. */
const SPY = `
import { registerHooks } from 'node:module';
registerHooks({ resolve(specifier, context, next) {
  const resolved = next(specifier, context);
  process.stdout.write('module ' + resolved.url + '\\n');
  return resolved;
} });
`;

const startWorker = (args: readonly string[], env: Record<string, string>) => start(['worker', ...args], env);

async function start(args: readonly string[], env: Record<string, string>) {
  const spy = join(service.directory, 'spy.mjs');
  await writeFile(spy, SPY);
  const child = spawn(process.execPath, ['--import', pathToFileURL(spy).href, MAIN, ...args], {
    cwd: service.directory,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = new Promise<number | null>((settle) => child.once('close', settle));
  return { child, ended, output: () => output };
}

test('a polling worker process completes jobs, and loads no module of Kafka', async () => {
  const worker = await startWorker(['--source', 'polling'], { WE_API_URL: api.url });
  await waitFor(() => worker.output().includes('worker started; source=polling'), { within: 20_000 });
  const ids = await Promise.all(
    Array.from({ length: 25 }, async () => {
      const job = await api.post('/api/v1/jobs', { type: 'send-email', payload: { to: 'ada@example.org' } });
      return String(job.json['id']);
    }),
  );
  await waitFor(
    async () => {
      const jobs = await Promise.all(ids.map((id) => api.get(`/api/v1/jobs/${id}`)));
      return jobs.every(({ json }) => json['status'] === 'completed');
    },
    { within: 20_000, what: 'the jobs to complete' },
  );
  worker.child.kill('SIGTERM');
  expect(await worker.ended).toBe(0);
  const modules = worker.output().match(/^module .*$/gm) ?? [];
  expect(modules.length).toBeGreaterThan(20);
  expect(
    modules.filter((url) =>
      /kafkajs|platformatic|adapters\/kafka|client-kafka|msk-iam|stream-source/.test(url),
    ),
  ).toEqual([]);
});

test('without an API the worker does it all on PostgreSQL itself, and loads no module of Kafka', async () => {
  await using collector = await startOtlpReceiver();
  const worker = await startWorker(['--source', 'polling'], {
    WE_POSTGRES_DSN: api.database.dsn,
    WE_METRICS_PORT: '0',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  });
  await waitFor(() => worker.output().includes('worker started; source=polling'), { within: 20_000 });
  const pool = api.database.pool();
  const { rows } = await pool.query<{ id: string }>(
    `select millrace.enqueue('send-email', '{"to": "ada@example.org"}', traceparent => $1) as id
     from generate_series(1, 25)`,
    [`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`],
  );
  const ids = rows.map(({ id }) => id);
  await waitFor(
    async () => {
      const done = await pool.query("select from jobs where id = any ($1::uuid[]) and status = 'completed'", [
        ids,
      ]);
      return done.rowCount === ids.length;
    },
    { within: 20_000, what: 'the jobs to complete' },
  );
  const [, page = ''] = /metrics at (\S+)/.exec(worker.output()) ?? [];
  const metrics = await (await fetch(page)).text();
  expect(metrics).toMatch(/^jobs_success_total 25$/m);
  expect(metrics).toMatch(/^job_pickup_latency_count 25$/m);
  worker.child.kill('SIGTERM');
  expect(await worker.ended).toBe(0);
  expect(worker.output()).not.toMatch(/^module .*(kafkajs|platformatic|adapters\/kafka)/m);
  const traced = collector.spans.filter(({ traceId }) => traceId === 'a'.repeat(32));
  expect(new Set(traced.map(({ attributes }) => attributes['messaging.message.id'])).size).toBe(25);
});

test('the API in polling mode loads no module of Kafka, and none of OpenTelemetry without a collector', async () => {
  const server = await start(['api'], {
    WE_POSTGRES_DSN: api.database.dsn,
    WE_DISPATCH_MODE: 'polling',
    WE_HTTP_PORT: '0',
  });
  const address = /api listening on (\S+)/;
  await waitFor(() => address.test(server.output()), { within: 20_000 });
  const url = address.exec(server.output())?.[1] ?? '';
  const body = JSON.stringify({ type: 'send-email', payload: { to: 'ada@example.org' } });
  expect((await fetch(`${url}/api/v1/jobs`, { method: 'POST', body })).status).toBe(201);
  server.child.kill('SIGTERM');
  expect(await server.ended).toBe(0);
  expect(server.output()).toMatch(/^module .*functions\/compose/m);
  expect(server.output()).not.toMatch(
    // Its API package, a few empty functions, comes with prom-client.
    /^module .*(kafkajs|platformatic|adapters\/kafka|client-kafka|msk-iam|@opentelemetry\/(?!api\/))/m,
  );
});

test('the check itself sees Kafka modules where they are loaded', async () => {
  const worker = await startWorker(['--source', 'kafka'], {
    WE_API_URL: api.url,
    WE_KAFKA_TRANSPORT: 'nonsense',
  });
  expect(await worker.ended).toBe(1);
  expect(worker.output()).toMatch(/^module .*adapters\/kafka/m);
});
