import { defineConfig, defineJob, type JobContext } from '../../sdk/index.ts';

/** Written under the day, so that a report that is made twice is the same report. */
export const reports = new Map<string, string>();

const report = defineJob(async ({ job }: JobContext<{ readonly of: string }>) => {
  const day = job.createdAt.toISOString().slice(0, 10);
  reports.set(`${job.payload.of}/${day}`, job.id);
  return { day };
});

export default defineConfig({
  jobs: { report },
  schedules: {
    // Half past two of Berlin, also on the nights when the clocks change; a night that was missed is made up for once.
    nightly: {
      cron: '30 2 * * *',
      timeZone: 'Europe/Berlin',
      missed: 'run_once',
      type: 'report',
      payload: { of: 'sales' },
    },
  },
});
