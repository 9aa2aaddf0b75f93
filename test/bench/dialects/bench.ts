import { join } from 'node:path';
import { startChild } from '../../../cli/dev/child.ts';
import { applyServiceTopics } from '../../../cli/dev/service-topics.ts';
import { type DispatchMode, dispatchModes } from '../../../engine/deps.ts';
import type { StepId } from '../../../events/ids.ts';
import { flakyDraw } from '../../../millrace.config.ts';
import type { BenchStack } from '../environment.ts';
import { type Protocol, protocols, type Send } from './protocols.ts';
import { RETRIES, type Shape, shapes } from './shapes.ts';

const WORKERS = 3;
const LOOK_EVERY_MS = 100;

export const DIALECT_HEAD = [
  'shape',
  'protocol',
  'mode',
  'accepted/min',
  'failed requests',
  's until all ended',
  'jobs lost',
  'dead letters, expected',
  'commit → start p50, p99 ms',
];

interface DialectOptions {
  readonly scale: number;
  /** The ids of protocols. */
  readonly over: readonly string[];
  readonly progress: (line: string) => void;
}

/** Each shape over each protocol in each mode, with as many worker processes as the originals were measured with. A row as it comes. */
export async function* benchDialects(
  stack: BenchStack,
  { scale, over, progress }: DialectOptions,
): AsyncGenerator<string[]> {
  for (const shape of shapes) {
    const scaled = { ...shape, count: Math.ceil(shape.count * scale) };
    for (const protocol of protocols.filter(({ id }) => over.includes(id))) {
      for (const mode of dispatchModes) {
        progress(`dialects, ${shape.name}, ${protocol.name}, ${mode}, times ${scale}`);
        yield await runShape(stack, { shape: scaled, protocol, mode });
      }
    }
  }
}

interface Run {
  readonly shape: Shape;
  readonly protocol: Protocol;
  readonly mode: DispatchMode;
}

async function runShape(stack: BenchStack, run: Run): Promise<string[]> {
  const { shape, protocol, mode } = run;
  await using children = new AsyncDisposableStack();
  const env = { ...stack.env, WE_DISPATCH_MODE: mode, WE_LOG_LEVEL: 'warn', WE_GRPC_PORT: '0' };
  const start = async (name: string, command: readonly string[], more: Record<string, string>) => {
    const log = join(stack.postgres.dataDir, '..', `${name}.log`);
    const child = await startChild(name, { command, env: { ...env, ...more }, log });
    children.defer(() => child.stop());
    return child;
  };
  await stack.pool.query('truncate jobs, workflow_instances, dispatch_outbox cascade');
  const api = await start('api', ['api'], { WE_HTTP_PORT: '0', WE_POSTGRES_POOL_SIZE: '16' });
  const url = api.addresses['apiUrl'] ?? '';
  if (mode === 'kafka_outbox') {
    const { rows } = await stack.pool.query<{ type: StepId }>('select type from job_types');
    await applyServiceTopics(
      env,
      rows.map(({ type }) => type),
    );
    await start('relay', ['relay'], { WE_METRICS_PORT: '0' });
  }
  for (let worker = 1; worker <= WORKERS; worker += 1) {
    const source = mode === 'polling' ? 'polling' : 'kafka';
    await start(`worker-${worker}`, ['worker', '--source', source], { WE_API_URL: url });
  }
  const client = await protocol.open({ apiUrl: url, grpcUrl: api.addresses['grpcUrl'] ?? '' }, shape.kind);
  const begun = performance.now();
  const failed = await sendAll(client.send, shape);
  const acceptedMs = performance.now() - begun;
  client.close();
  await untilEnded(stack);
  const endedMs = performance.now() - begun;
  return row(stack, { ...run, failed, acceptedMs, endedMs });
}

/** So many requests at a time. @returns how many were not accepted */
async function sendAll(send: Send, { count, inFlight }: Shape): Promise<number> {
  let next = 0;
  let failed = 0;
  const sender = async () => {
    while (next < count) {
      next += 1;
      if (!(await send(next - 1))) failed += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, sender));
  return failed;
}

async function untilEnded({ pool }: BenchStack): Promise<void> {
  for (;;) {
    const { rows } = await pool.query<{ open: boolean }>(
      `select exists (select from jobs where status in ('pending', 'queued', 'running', 'retrying'))
         or exists (select from workflow_instances where status = 'running') as open`,
    );
    if (!rows[0]?.open) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

interface Outcome extends Run {
  readonly failed: number;
  readonly acceptedMs: number;
  readonly endedMs: number;
}

async function row({ pool }: BenchStack, outcome: Outcome): Promise<string[]> {
  const { shape, protocol, mode, failed, acceptedMs, endedMs } = outcome;
  const { rows } = await pool.query<{ ended: number; dead: number; p50: number; p99: number }>(
    `select
       count(*) filter (where status in ('completed', 'dead_letter'))::integer as ended,
       count(*) filter (where status = 'dead_letter')::integer as dead,
       percentile_cont(0.5) within group (order by wait) filter (where attempt = 1) as p50,
       percentile_cont(0.99) within group (order by wait) filter (where attempt = 1) as p99
     from (
       select status, attempt, (extract(epoch from started_at - created_at) * 1000)::double precision as wait
       from jobs
     ) as job`,
  );
  const { ended = 0, dead = 0, p50 = 0, p99 = 0 } = rows[0] ?? {};
  const isWorkflow = shape.kind === 'workflows';
  const wanted = (shape.count - failed) * (isWorkflow ? 3 : 1);
  return [
    shape.name,
    protocol.name,
    mode,
    Math.round((shape.count / acceptedMs) * 60_000).toLocaleString('en'),
    String(failed),
    (endedMs / 1000).toFixed(1),
    String(wanted - ended),
    `${dead}, ${isWorkflow ? 0 : expectedDead(shape.count)}`,
    `${p50.toFixed(1)}, ${p99.toFixed(1)}`,
  ];
}

/** The draws of `flaky` are made from its seed, so that what fails is known beforehand. */
function expectedDead(count: number): number {
  let dead = 0;
  for (let index = 0; index < count; index += 5) {
    const attempts = Array.from({ length: RETRIES + 1 }, (_, retry) => retry + 1);
    if (attempts.every((attempt) => flakyDraw(String(index), attempt) < 0.5)) dead += 1;
  }
  return dead;
}
