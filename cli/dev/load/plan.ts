import { flakyDraw } from '../../../millrace.config.ts';

/** One request's worth of work, made from its number alone, so that a run can be repeated. */
export interface LoadPlan {
  readonly kind: 'jobs' | 'workflows';
  /** The body of the thing with this number. */
  readonly item: (index: number) => Readonly<Record<string, unknown>>;
  /** How many must end in each state. */
  readonly expected: Readonly<Record<string, number>>;
}

export interface PlanOptions {
  readonly count: number;
  readonly seed: string;
  /** Of this run and no other, for idempotency keys. */
  readonly run: string;
}

const RELIABLE = ['noop', 'compute', 'notify', 'transform'] as const;
const FAILURE_RATE = 0.5;
const MAX_RETRIES = 2;

/** Jobs that all succeed. */
export function planJobs({ count, run }: PlanOptions): LoadPlan {
  return { kind: 'jobs', item: (index) => reliableJob(index, run), expected: { completed: count } };
}

/** One in five fails each attempt with a probability of one half; by the seed it is known which ones end as dead letters. */
export function planFlaky({ count, seed, run }: PlanOptions): LoadPlan {
  const isFlaky = (index: number) => index % 5 === 0;
  const seedOf = (index: number) => `${seed}.${index}`;
  let dead = 0;
  for (let index = 0; index < count; index += 1)
    if (isFlaky(index) && neverSucceeds(seedOf(index))) dead += 1;
  const flakyJob = (index: number) => ({
    type: 'flaky',
    payload: { failure_rate: FAILURE_RATE, seed: seedOf(index), index },
    max_retries: MAX_RETRIES,
    idempotency_key: `load/${run}/${index}`,
  });
  return {
    kind: 'jobs',
    item: (index) => (isFlaky(index) ? flakyJob(index) : reliableJob(index, run)),
    expected: { completed: count - dead, dead_letter: dead },
  };
}

/** Workflows of three steps. */
export function planWorkflows({ count }: PlanOptions): LoadPlan {
  return { kind: 'workflows', item: pipeline, expected: { completed: count } };
}

/** The body of a workflow of three steps. */
export function pipeline(index: number) {
  return {
    name: `pipeline-${index}`,
    steps: [
      {
        name: 'extract',
        type: 'transform',
        payload: { source: 'database', table: `events_${index % 100}` },
        max_retries: 2,
      },
      { name: 'compute', type: 'compute', payload: { iterations: 500, pipeline_id: index }, max_retries: 2 },
      {
        name: 'notify',
        type: 'notify',
        payload: { channel: 'slack', message: `pipeline-${index} complete` },
        max_retries: 1,
      },
    ],
  };
}

function reliableJob(index: number, run: string) {
  return {
    type: RELIABLE[index % RELIABLE.length],
    payload: { load_test: true, index, iterations: 100 },
    max_retries: MAX_RETRIES,
    idempotency_key: `load/${run}/${index}`,
  };
}

function neverSucceeds(seed: string): boolean {
  for (let attempt = 1; attempt <= MAX_RETRIES + 1; attempt += 1) {
    if (flakyDraw(seed, attempt) >= FAILURE_RATE) return false;
  }
  return true;
}
