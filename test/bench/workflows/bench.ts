import type { DispatchMode } from '../../../engine/deps.ts';
import type { BenchStack } from '../environment.ts';
import { spread } from '../statistics.ts';
import { runDbos } from './dbos.ts';
import { measureStepCosts } from './step-cost.ts';
import { type SubmitResult, submitWorkflows } from './submit.ts';
import { runWorkflows } from './whole-run.ts';

export interface WorkflowBench {
  readonly rounds: number;
  readonly seconds: number;
  readonly workflows: number;
  /** Live instances beside which a step is measured, rising. */
  readonly live: readonly number[];
  readonly progress: (line: string) => void;
}

/** The seed's own figures, from its load tests on an Apple M4: for comparison of kind, not of machines. */
const SEED: readonly [string, string][] = [
  ['the seed on an M4: submitted a minute, one a request', '360,000'],
];

/** Of all its rounds together. */
const DBOS_SECONDS = 45;

const LOADS = [
  { name: 'one a request, 100 connections', batch: 1, connections: 100 },
  { name: 'batches of 1,000, 4 connections', batch: 1000, connections: 4 },
] as const;

/** Rows of a table, each as soon as it is there: what was measured, and the figure. A part that fails says so and ends none of the others. */
export async function* benchWorkflows(
  stack: BenchStack,
  bench: WorkflowBench,
): AsyncGenerator<[string, string]> {
  for (const load of LOADS) yield* orItsFailure(`submitting, ${load.name}`, submitted(stack, bench, load));
  yield* SEED;
  for (const mode of ['polling', 'kafka_outbox'] as const) {
    yield* orItsFailure(`end to end, ${mode}`, endToEnd(stack, bench, mode));
  }
  yield* orItsFailure('DBOS 5.3.0', endToEndInDbos(stack, bench));
  yield* orItsFailure('cost of a step', stepCosts(stack, bench));
}

async function* orItsFailure(
  part: string,
  rows: AsyncGenerator<[string, string]>,
): AsyncGenerator<[string, string]> {
  try {
    yield* rows;
  } catch (error) {
    yield [part, `failed: ${error instanceof Error ? error.message : String(error)}`];
  }
}

async function* submitted(
  stack: BenchStack,
  { rounds, seconds, progress }: WorkflowBench,
  { name, ...load }: (typeof LOADS)[number],
): AsyncGenerator<[string, string]> {
  const results: SubmitResult[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    progress(`workflows, ${name}, round ${round} of ${rounds}`);
    results.push(await submitWorkflows(stack, { ...load, seconds }));
  }
  const of = (figure: keyof SubmitResult, digits = 0) =>
    spread(
      results.map((result) => result[figure]),
      digits,
    );
  yield [`submitted a minute, ${name}`, of('perMinute')];
  yield [`request p99 ms, ${name}`, of('p99Ms', 1)];
  yield [`API CPU µs a workflow, ${name}`, of('apiCpuUs', 1)];
  yield [`failed requests, ${name}`, of('errors')];
}

async function* endToEnd(
  stack: BenchStack,
  { rounds, workflows, progress }: WorkflowBench,
  mode: DispatchMode,
): AsyncGenerator<[string, string]> {
  const rates: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    progress(`workflows end to end in mode ${mode}, round ${round} of ${rounds}`);
    rates.push(await runWorkflows(stack, mode, workflows));
  }
  yield [`steps completed a second, ${mode}, one worker process`, spread(rates)];
}

/** As DBOS is used: the process that starts a workflow runs it, and there is no backlog. */
async function* endToEndInDbos(
  stack: BenchStack,
  { rounds, workflows, progress }: WorkflowBench,
): AsyncGenerator<[string, string]> {
  const rates: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    progress(`workflows end to end in DBOS, round ${round} of ${rounds}`);
    rates.push(await runDbos(stack, { workflows, seconds: DBOS_SECONDS / rounds }));
  }
  yield ['steps completed a second, DBOS 5.3.0, one process that starts and runs them', spread(rates)];
}

async function* stepCosts(
  stack: BenchStack,
  { live, progress }: WorkflowBench,
): AsyncGenerator<[string, string]> {
  for await (const cost of measureStepCosts(stack, live, progress)) {
    const where = `${cost.live.toLocaleString('en')} live instances, ${cost.history} steps of history`;
    yield [`advance of one step, ms, ${where}`, cost.medianMs.toFixed(2)];
  }
}
