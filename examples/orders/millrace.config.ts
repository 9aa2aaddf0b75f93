import { defineConfig, defineJob, type JobContext, NonRetryableError } from '../../sdk/index.ts';

export interface Charge {
  readonly order: number;
  readonly cents: number;
}

/** What the bank was asked, by the key that it was asked under: a second request under a key is the first one. */
export const bank = new Map<string, number>();

/** A charge may be tried twice, by a retry or after a crash; the bank takes the job's id as its own idempotency key. */
const charge = defineJob(async ({ job, attempt }: JobContext<Charge>) => {
  const { order, cents } = job.payload;
  if (cents <= 0) throw new NonRetryableError(`Order ${order} costs nothing.`);
  if (attempt === 1 && cents === 1_300) throw new Error('the bank does not answer');
  bank.set(job.id, cents);
  return { order, receipt: `R-${order}` };
});

const ship = defineJob(async ({ job }: JobContext<{ readonly order: number }>) => ({
  order: job.payload.order,
  parcel: `P-${job.payload.order}`,
}));

export default defineConfig({ jobs: { charge, ship } });
