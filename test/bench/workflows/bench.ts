import type { BenchStack } from '../environment.ts';
import { spread } from '../statistics.ts';
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

/** Rows of a table: what was measured, and the figures. */
export async function benchWorkflows(
  stack: BenchStack,
  { rounds, seconds, workflows, live, progress }: WorkflowBench,
): Promise<[string, string][]> {
  const rows: [string, string][] = [];
  const loads = [
    { name: 'one a request, 100 connections', batch: 1, connections: 100 },
    { name: 'batches of 1,000, 4 connections', batch: 1000, connections: 4 },
  ] as const;
  for (const { name, ...load } of loads) {
    const results: SubmitResult[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      progress(`workflows, ${name}, round ${round} of ${rounds}`);
      results.push(await submitWorkflows(stack, { ...load, seconds }));
    }
    rows.push([`submitted a minute, ${name}`, spread(results.map(({ perMinute }) => perMinute))]);
    rows.push([
      `request p99 ms, ${name}`,
      spread(
        results.map(({ p99Ms }) => p99Ms),
        1,
      ),
    ]);
    rows.push([
      `API CPU µs a workflow, ${name}`,
      spread(
        results.map(({ apiCpuUs }) => apiCpuUs),
        1,
      ),
    ]);
    rows.push([`failed requests, ${name}`, spread(results.map(({ errors }) => errors))]);
  }
  for (const mode of ['polling', 'kafka_outbox'] as const) {
    const rates: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      progress(`workflows end to end in mode ${mode}, round ${round} of ${rounds}`);
      rates.push(await runWorkflows(stack, mode, workflows));
    }
    rows.push([`steps completed a second, ${mode}, one worker process`, spread(rates)]);
  }
  progress(`cost of a step beside ${live.join(', ')} live instances`);
  for (const cost of await measureStepCosts(stack, live)) {
    const where = `${cost.live.toLocaleString('en')} live instances, ${cost.history} steps of history`;
    rows.push([`advance of one step, ms, ${where}`, cost.medianMs.toFixed(2)]);
  }
  return rows;
}
