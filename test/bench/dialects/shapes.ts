/** The load tests of the engine seed, as their programs send them. */
export interface Shape {
  readonly name: string;
  readonly kind: 'jobs' | 'workflows';
  readonly count: number;
  readonly inFlight: number;
}

export const shapes: readonly Shape[] = [
  { name: '50k jobs, 100 in flight', kind: 'jobs', count: 50_000, inFlight: 100 },
  { name: '500k jobs, 200 in flight', kind: 'jobs', count: 500_000, inFlight: 200 },
  { name: '50k workflows of 3 steps, 150 in flight', kind: 'workflows', count: 50_000, inFlight: 150 },
];

const RELIABLE = ['default', 'compute', 'notify', 'transform'] as const;
export const JOB_TYPES = ['flaky', ...RELIABLE] as const;
export const RETRIES = 2;

export interface ShapeJob {
  readonly type: (typeof JOB_TYPES)[number];
  readonly payload: Readonly<Record<string, string | number | boolean>>;
}

export function job(index: number): ShapeJob {
  if (index % 5 === 0) {
    return { type: 'flaky', payload: { failure_rate: 0.5, index, seed: String(index) } };
  }
  return { type: RELIABLE[index % 4] ?? 'default', payload: { load_test: true, index, iterations: 100 } };
}
