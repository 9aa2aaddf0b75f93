import type { CommitUnit } from '../commit.ts';
import type { EngineDeps } from '../deps.ts';
import type { JobRecord } from '../job.ts';
import { nextDispatch } from '../new-job.ts';

/** Queues the jobs whose time has come. @returns how many; the limit means that there may be more */
export async function queueDueJobs(deps: EngineDeps, limit: number): Promise<number> {
  const jobs = await deps.store.dueJobs(limit);
  await deps.store.commit({ units: jobs.map((job) => queueUnit(deps, job)) });
  return jobs.length;
}

export function queueUnit(deps: EngineDeps, job: JobRecord): CommitUnit {
  return {
    job: {
      id: job.id,
      expect: { status: job.status, attempt: job.attempt },
      status: 'queued',
      ...(deps.mode === 'kafka_outbox' ? { dispatch: nextDispatch(job) } : {}),
    },
    enqueue: [],
    audit: [],
  };
}
