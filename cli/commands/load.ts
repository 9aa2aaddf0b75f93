import { randomUUID } from 'node:crypto';
import { Command, InvalidArgumentError } from 'commander';
import { readDuration } from '../../adapters/env.ts';
import { MillraceError } from '../../engine/errors.ts';
import { LoadApi } from '../dev/load/api.ts';
import { awaitEnds, tally } from '../dev/load/await-ends.ts';
import { type LoadPlan, type PlanOptions, planFlaky, planJobs, planWorkflows } from '../dev/load/plan.ts';
import { faultsOf, type LoadResult, Progress, resultTable } from '../dev/load/report.ts';
import { submit } from '../dev/load/submit.ts';
import { releaseParent, shutdownSignal } from '../shutdown.ts';

interface LoadOptions {
  readonly count: number;
  readonly concurrency: number;
  readonly batch: number;
  readonly seed: string;
  readonly url: string;
  readonly timeout: string;
  readonly json?: boolean;
}

interface Scenario {
  readonly name: string;
  readonly description: string;
  readonly count: number;
  readonly concurrency: number;
  readonly plan: (options: PlanOptions) => LoadPlan;
}

const scenarios: readonly Scenario[] = [
  {
    name: 'jobs',
    description: 'jobs that all succeed',
    count: 50_000,
    concurrency: 100,
    plan: planJobs,
  },
  {
    name: 'flaky',
    description: 'one job in five fails half of its attempts; which ones die is known from the seed',
    count: 500_000,
    concurrency: 200,
    plan: planFlaky,
  },
  {
    name: 'workflows',
    description: 'workflows of three steps',
    count: 50_000,
    concurrency: 150,
    plan: planWorkflows,
  },
];

export function loadCommand(): Command {
  const load = new Command('load').description(
    'load a running API whose workers have the sample handlers, wait until all has ended, and check the counts',
  );
  for (const scenario of scenarios) load.addCommand(scenarioCommand(scenario));
  return load;
}

function scenarioCommand(scenario: Scenario): Command {
  const { name, description, count, concurrency } = scenario;
  return new Command(name)
    .description(description)
    .option('--count <number>', 'how many', positive, count)
    .option('--concurrency <number>', 'requests under way at once', positive, concurrency)
    .option('--batch <number>', 'jobs a request, at most 1000; workflows go one by one', positive, 1)
    .option('--seed <text>', 'decides which attempts fail', 'millrace')
    .option('--url <url>', 'where the API is', 'http://127.0.0.1:8080')
    .option('--timeout <duration>', 'how long all of it may take: 30s, 10m', '30m')
    .option('--json', 'machine-readable output')
    .action((options: LoadOptions) => run(scenario, options));
}

async function run({ plan: planOf, name }: Scenario, options: LoadOptions): Promise<void> {
  const signal = shutdownSignal();
  const began = Date.now();
  const { count, concurrency, seed, url, timeout, json } = options;
  const until = began + readDuration({ '--timeout': timeout }, '--timeout');
  const plan = planOf({ count, seed, run: randomUUID() });
  using api = new LoadApi(url, { connections: concurrency, signal });
  try {
    const submitting = new Progress('submitted', count);
    const ids = await submit(api, plan, {
      ...{ count, concurrency, batch: Math.min(1000, options.batch) },
      onProgress: (done) => submitting.show(done),
    });
    submitting.end();
    const submitMs = Date.now() - began;
    const ending = new Progress('ended', count);
    const onProgress = (open: number) => ending.show(Math.max(0, count - open));
    await awaitEnds(api, { kind: plan.kind, ids }, { until, signal, onProgress });
    ending.end();
    const totalMs = Date.now() - began;
    const ended = await tally(api, plan.kind, ids);
    const { kind, expected } = plan;
    const result = { kind, count, retries: api.retries, submitMs, totalMs, ended, expected };
    console.log(json ? JSON.stringify({ scenario: name, seed, ...result }) : resultTable(result));
    refuse(result, timeout);
  } finally {
    releaseParent();
  }
}

function refuse(result: LoadResult, timeout: string): void {
  const faults = faultsOf(result);
  if (faults.length === 0) return;
  throw new MillraceError(
    'internal',
    `Not all ended as it must within ${timeout}: ${faults.join('; ')}. Look at the logs of workers and leader; jobs that are still ` +
      'open may only need more time (--timeout), or more workers.',
  );
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be a whole number above 0.');
}
