import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from '../../../cli/dev/child.ts';
import { toMskEvent } from '../../../cli/dev/msk-event.ts';
import type { Topic } from '../../../events/ids.ts';
import { decodePack } from '../../../events/pack.ts';
import { httpEvent } from '../../infra/setup/events.ts';
import { BENCH_TYPE, type BenchStack, run } from '../environment.ts';

const BATCHES = 20;
const PAYLOAD = { to: 'ada@example.org', subject: 'Hello', text: 'x'.repeat(180) };
const JOB = { type: BENCH_TYPE, payload: PAYLOAD, max_retries: 2 };

/** @returns processor time of the function, µs a request: one job and its outbox row in a transaction of a real server */
export async function warmHttp({ env, pool }: BenchStack): Promise<number> {
  const events = Array.from({ length: 4_000 }, () => httpEvent('POST', '/api/v1/jobs', { body: JOB }));
  const used = await measure('http', events, env);
  await pool.query('truncate jobs, dispatch_outbox');
  return used / events.length;
}

/** @returns processor time of the function, µs a record: claimed, run and completed through a real API in another process */
export async function warmWorker(stack: BenchStack): Promise<number> {
  const log = join(stack.postgres.dataDir, '..', 'api.log');
  const api = await startChild('api', { command: ['api'], env: { ...stack.env, WE_HTTP_PORT: '0' }, log });
  try {
    const apiUrl = String(api.addresses['apiUrl']);
    const used = await measure('worker', await batches(stack, apiUrl), { WE_API_URL: apiUrl });
    const { rows } = await stack.pool.query<{ count: number }>(
      "select count(*)::int from jobs where status <> 'completed'",
    );
    if (rows[0]?.count !== 0) throw new Error(`${rows[0]?.count} jobs were not completed`);
    await stack.pool.query('truncate jobs, dispatch_outbox');
    return used / (BATCHES * 1000);
  } finally {
    await api.stop();
  }
}

/** Jobs as the relay would publish them, a thousand an event; the first ones are for warming up. */
async function batches({ pool }: BenchStack, apiUrl: string): Promise<unknown[]> {
  const body = JSON.stringify({ jobs: Array.from({ length: 1000 }, () => JOB) });
  const headers = { 'content-type': 'application/json' };
  const events: unknown[] = [];
  for (let batch = 0; batch < BATCHES + WARM_UP; batch += 1) {
    const reply = await fetch(`${apiUrl}/api/v1/jobs/batch`, { method: 'POST', headers, body });
    if (!reply.ok) throw new Error(`the batch was refused: ${await reply.text()}`);
    const { rows } = await pool.query<{ topic: string; message_count: number; messages: Buffer }>(
      'with taken as (delete from dispatch_outbox returning *) select * from taken order by id',
    );
    const messages = rows.flatMap(({ topic, message_count, messages }) =>
      decodePack(messages, message_count).map((message) => ({ ...message, topic: topic as Topic })),
    );
    const at = { partition: 0, timestamp: Date.now() };
    const records = messages.map((message, index) => ({
      ...at,
      ...message,
      offset: BigInt(batch * 1000 + index),
    }));
    events.push(toMskEvent(records, 'b-1:9098'));
  }
  return events;
}

const WARM_UP = 4;

/** The bundle in a process of its own, so that its processor time is nobody else's. @returns µs, without the warming up */
async function measure(
  name: string,
  events: readonly unknown[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-warm-'));
  try {
    const path = join(directory, 'events.json');
    const warmUp = name === 'worker' ? WARM_UP : 1_000;
    await writeFile(
      path,
      JSON.stringify(name === 'worker' ? events : [...events.slice(0, warmUp), ...events]),
    );
    const script = join(import.meta.dirname, 'warm-process.ts');
    const { stdout } = await run(process.execPath, [script, name, path, String(warmUp)], {
      env: { ...process.env, ...env, AWS_LAMBDA_FUNCTION_NAME: name, WE_LOG_LEVEL: 'warn' },
    });
    return Number(stdout.trim().split('\n').at(-1));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
