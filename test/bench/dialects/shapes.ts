import { pipeline } from '../../../cli/dev/load/plan.ts';

/** The load tests of the engine seed, as their programs send them. */
export interface Shape {
  readonly name: string;
  readonly path: string;
  readonly count: number;
  readonly inFlight: number;
  readonly body: (index: number) => object;
}

export const shapes: readonly Shape[] = [
  { name: '50k jobs, 100 in flight', path: '/api/v1/jobs', count: 50_000, inFlight: 100, body: job },
  { name: '500k jobs, 200 in flight', path: '/api/v1/jobs', count: 500_000, inFlight: 200, body: job },
  {
    name: '50k workflows of 3 steps, 150 in flight',
    path: '/api/v1/workflows',
    count: 50_000,
    inFlight: 150,
    body: pipeline,
  },
];

const RELIABLE = ['default', 'compute', 'notify', 'transform'] as const;
export const FLAKY_RETRIES = 2;

function job(index: number): object {
  if (index % 5 === 0) {
    const payload = { failure_rate: 0.5, index, seed: String(index) };
    return { type: 'flaky', payload, max_retries: FLAKY_RETRIES };
  }
  const payload = { load_test: true, index, iterations: 100 };
  return { type: RELIABLE[index % 4], payload, max_retries: 2 };
}
