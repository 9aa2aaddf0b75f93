import type { EngineDeps } from '../deps.ts';
import { admitted } from '../limits.ts';
import { queueUnit } from './due-jobs.ts';

/** Queues jobs that wait for a limit, as far as there is room. @returns how many */
export function admitLimitedJobs(deps: EngineDeps, limit: number): Promise<number> {
  return deps.store.admit(limit, (waiting, usage) =>
    admitted(waiting, usage).map((job) => queueUnit(deps, job)),
  );
}
