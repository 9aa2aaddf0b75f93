import type { RecordStore } from '../../../engine/ports/record-store.ts';
import { withFault } from './record-store-faults.ts';

/** Looks for an open job under the key and writes without holding on to what it found. */
export function writesBesideTheOpenJob(store: RecordStore): RecordStore {
  return withFault(store, {
    enqueue: (jobs, options) =>
      store.enqueue(
        jobs.map(({ unique: _, ...job }) => job),
        options,
      ),
  });
}

/** Takes a new job for one that waits already, and forgets what it brought. */
export function keepsTheOldPayload(store: RecordStore): RecordStore {
  return withFault(store, {
    enqueue: (jobs, options) =>
      store.enqueue(
        jobs.map((job) => (job.unique ? { ...job, unique: { ...job.unique, mode: 'drop' } } : job)),
        options,
      ),
  });
}

/** Sees only the attempts that run now. */
export function forgetsWhatHasStarted(store: RecordStore): RecordStore {
  return withFault(store, {
    admit: (limit, decide) =>
      store.admit(limit, (waiting, usage) => decide(waiting, { ...usage, starts: new Map() })),
  });
}

/** Lets anybody in. */
export function countsNothing(store: RecordStore): RecordStore {
  return withFault(store, {
    admit: (limit, decide) =>
      store.admit(limit, (waiting, usage) =>
        decide(waiting, { ...usage, open: new Map(), notStarted: new Map() }),
      ),
  });
}

/** Gives jobs that wait for a limit to the timers too. */
export function letsTimersQueueLimitedJobs(store: RecordStore): RecordStore {
  return withFault(store, { dueJobs: (limit) => store.listJobs({ status: 'pending', limit }) });
}
