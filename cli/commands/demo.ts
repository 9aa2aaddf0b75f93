import { resolve } from 'node:path';
import { Command } from 'commander';
import { createPool } from '../../adapters/postgres/pool.ts';
import { systemClock } from '../../adapters/system/clock.ts';
import { MillraceError } from '../../engine/errors.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { countStages, measureHops, type Stages } from '../dev/demo/figures.ts';
import { drawHops, drawStages, LivePicture, summarize } from '../dev/demo/picture.ts';
import { getWorkflow, submitJobs, submitWorkflow, type WorkflowView } from '../dev/demo/work.ts';
import { emptyStack } from '../dev/empty-stack.ts';
import { startStack } from '../dev/stack.ts';
import type { Stack } from '../dev/stack-parts.ts';
import { loadServiceConfig, stepIds } from '../service-config.ts';
import { releaseParent, shutdownSignal } from '../shutdown.ts';

const JOBS = 1000;
const STEPS = 3;
const DONE_WITHIN_MS = 60_000;
const REDRAW_MS = 200;

export function demoCommand(): Command {
  return new Command('demo')
    .description('boot everything, run 1,000 jobs and a workflow through it, show each stage, and stop')
    .action(demo);
}

async function demo(): Promise<void> {
  const began = Date.now();
  const signal = shutdownSignal();
  const directory = resolve('.millrace', 'demo');
  await emptyStack(directory, (line) => console.log(`  ${line}`));
  console.log('Booting the stack …');
  const stack = await startStack({
    directory,
    types: stepIds(await loadServiceConfig()),
    httpPort: 0,
    metricsPort: 0,
    onProgress: (line) => console.log(`  ${line}`),
    signal,
  });
  try {
    console.log(`  ready after ${seconds(began)}\n`);
    await runWork(stack, signal);
    console.log(
      `\nAll done in ${seconds(began)}. Next: npm start keeps the stack running; README.md says what to try.`,
    );
  } finally {
    await stack.stop();
    releaseParent();
  }
}

async function runWork(stack: Stack, signal: AbortSignal): Promise<void> {
  const pool = createPool({ dsn: stack.postgres.dsn, poolSize: 1 }, silentLogger);
  try {
    const since = await databaseNow(pool);
    console.log(
      `Running ${JOBS} send-email jobs and one workflow: HTTP → PostgreSQL → WAL → ${stack.kafka ? 'Kafka → Lambda worker' : `${stack.bus} → worker`} → completed`,
    );
    const submitting = Promise.all([
      submitWorkflow(stack.apiUrl, signal),
      submitJobs(stack.apiUrl, JOBS, signal),
    ]);
    const stages = await watch(pool, { since, signal, submitting });
    const [workflowId] = await submitting;
    const workflow = await getWorkflow(stack.apiUrl, workflowId, signal);
    report(workflow, drawHops(await measureHops(pool, since)));
    verify(stages, workflow);
  } finally {
    await pool.end();
  }
}

async function databaseNow(pool: ReturnType<typeof createPool>): Promise<Date> {
  const { rows } = await pool.query<{ now: Date }>(`select clock_timestamp() - interval '1 second' as now`);
  return rows[0]?.now ?? new Date();
}

interface Watched {
  readonly since: Date;
  readonly signal: AbortSignal;
  readonly submitting: Promise<unknown>;
}

/** Draws the stages until all is completed and the outbox is empty. */
async function watch(
  pool: ReturnType<typeof createPool>,
  { since, signal, submitting }: Watched,
): Promise<Stages> {
  const picture = new LivePicture(process.stdout);
  const deadline = Date.now() + DONE_WITHIN_MS;
  let failure: unknown;
  submitting.catch((error: unknown) => {
    failure = error;
  });
  for (;;) {
    const stages = await countStages(pool, since);
    const hops = drawHops(await measureHops(pool, since));
    picture.show([...drawStages(stages, JOBS + STEPS), '', ...hops], summarize(stages));
    if (failure) throw failure;
    if (stages.completed === JOBS + STEPS && stages.inOutbox === 0) return stages;
    signal.throwIfAborted();
    if (Date.now() > deadline) return stages;
    await systemClock.sleep(REDRAW_MS, signal);
  }
}

function report(workflow: WorkflowView, hops: readonly string[]): void {
  console.log(`\nWorkflow data-pipeline: ${workflow.status}`);
  for (const step of workflow.steps) {
    console.log(`  ${step.name.padEnd(9)}${step.status.padEnd(11)}${JSON.stringify(step.output)}`);
  }
  console.log(`\nWhere the time went (${JOBS + STEPS} jobs submitted at once, so they queue):`);
  for (const line of hops) console.log(line);
}

function verify(stages: Stages, workflow: WorkflowView): void {
  const faults = [
    ...(stages.completed === JOBS + STEPS ? [] : [`${stages.completed} of ${JOBS + STEPS} jobs completed`]),
    ...(stages.inOutbox === 0 ? [] : [`the outbox still holds ${stages.inOutbox} messages`]),
    ...(workflow.status === 'completed'
      ? []
      : [`the workflow is ${workflow.status} (${workflow.failure_reason ?? 'no reason'})`]),
  ];
  if (faults.length === 0) return;
  throw new MillraceError(
    'internal',
    `The demo did not finish within ${DONE_WITHIN_MS / 1000} s: ${faults.join('; ')}. See .millrace/demo/logs.`,
  );
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}
