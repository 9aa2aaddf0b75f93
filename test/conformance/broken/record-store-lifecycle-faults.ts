import type { RecordStore } from '../../../engine/ports/record-store.ts';
import { withFault } from './record-store-faults.ts';

/** Cancels an instance although it has changed since it was looked at. */
export function cancelsAtAnyVersion(store: RecordStore): RecordStore {
  return withFault(store, {
    cancelInstance: async (cancellation) => {
      const current = await store.getInstance(cancellation.id);
      return store.cancelInstance({
        ...cancellation,
        expectedVersion: current?.instance.version ?? cancellation.expectedVersion,
      });
    },
  });
}

/** Queues a dead letter again with the retries it has used up. */
export function forgetsTheFreshRetries(store: RecordStore): RecordStore {
  return withFault(store, {
    commit: ({ units }) =>
      store.commit({
        units: units.map((unit) => {
          const { freshRetries: _, ...job } = unit.job;
          return { ...unit, job };
        }),
      }),
  });
}

/** Begins to count attempts anew whenever a job moves, so that it is retried for ever. */
export function givesFreshRetriesUnasked(store: RecordStore): RecordStore {
  return withFault(store, {
    commit: ({ units }) =>
      store.commit({
        units: units.map((unit) => ({ ...unit, job: { ...unit.job, freshRetries: true } })),
      }),
  });
}

/** Redrives dead letters that nobody asked for. */
export function ignoresTheWordsOfTheError(store: RecordStore): RecordStore {
  return withFault(store, {
    deadLetterIds: ({ errorContains: _, ...filter }, page) => store.deadLetterIds(filter, page),
  });
}

/** Removes whatever has ended. */
export function purgesTooEarly(store: RecordStore): RecordStore {
  return withFault(store, {
    purgeJobs: (_ages, range) => store.purgeJobs({ completedMs: 0, failedMs: 0 }, range),
  });
}

/** Removes a step of an instance by itself. */
export function tearsInstancesApart(store: RecordStore): RecordStore {
  return withFault(store, {
    purgeJobs: async (ages, range) => {
      const purged = await store.purgeJobs(ages, range);
      await store.purgeInstances(ages, range);
      return purged;
    },
  });
}

/** Begins with the instance that was started first. */
export function listsTheOldestInstancesFirst(store: RecordStore): RecordStore {
  return withFault(store, {
    listInstances: async (filter) => (await store.listInstances(filter)).reverse(),
  });
}
