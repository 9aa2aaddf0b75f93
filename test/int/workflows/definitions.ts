import { defineJob, type JobContext, NonRetryableError } from '../../../sdk/index.ts';

type Payload = Readonly<Record<string, unknown>>;

export const handlers = {
  echo: defineJob(({ job }: JobContext<Payload>) => ({ [`seen_${job.stepIndex}`]: true })),
  add: defineJob(({ job }: JobContext<{ n: number }>) => ({ n: job.payload.n + 1 })),
  pick: defineJob(({ job }: JobContext<{ order: number }>) => job.payload.order * 2),
  /** Fails until the variables say that it has been mended. */
  fragile: defineJob(({ job }: JobContext<{ mended?: boolean }>) => {
    if (!job.payload.mended) throw new NonRetryableError('it is broken');
    return { fine: true };
  }),
  flaky: defineJob(({ attempt }: JobContext<Payload>) => {
    if (attempt < 3) throw new Error(`attempt ${attempt}`);
    return { attempts: attempt };
  }),
  slow: defineJob(async ({ signal }: JobContext<Payload>) => {
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));
  }),
  credit: defineJob(() => ({ credit: 700 })),
  fraud: defineJob(({ job }: JobContext<{ amount: number }>) => ({
    fraud: job.payload.amount > 900 ? 80 : 5,
  })),
};

export const end = { id: 'end', name: 'End', type: 'END' };
let count = 0;

/** A definition of its own, with an END. */
export function definition(steps: readonly Readonly<Record<string, unknown>>[], head: object = {}) {
  count += 1;
  const named = steps.map((step) => ({ name: step['id'], ...step }));
  return { id: `flow-${count}`, name: `Flow ${count}`, steps: [...named, end], ...head };
}

export function task(id: string, jobType: keyof typeof handlers, nextStep: string, more: object = {}) {
  return { id, type: 'SERVICE_TASK', jobType, nextStep, ...more };
}
