import type { RecordStore } from '../../../engine/ports/record-store.ts';
import { withFault } from './record-store-faults.ts';

/** Leaves the jobs of an instance that has ended where they were. */
export function leavesTheJobsOpen(store: RecordStore): RecordStore {
  return withFault(store, {
    commit: ({ units }) =>
      store.commit({
        units: units.map((unit) => {
          if (!unit.instance) return unit;
          const { endJobs: _, ...instance } = unit.instance;
          return { ...unit, instance };
        }),
      }),
  });
}

/** Gives a document that is known already another version. */
export function storesADefinitionTwice(store: RecordStore): RecordStore {
  let count = 0;
  return withFault(store, {
    putDefinition: (definition) => {
      count += 1;
      return store.putDefinition({ ...definition, hash: Buffer.from(String(count).padEnd(32)) });
    },
  });
}

/** Believes that what is to come has come. */
export function hurriesTimers(store: RecordStore): RecordStore {
  return withFault(store, {
    start: (instances) =>
      store.start(instances.map((one) => (one.dueAt ? { ...one, dueAt: new Date(0) } : one))),
  });
}

/** Queues a dead letter again with the retries it has used up. */
export function forgetsTheFreshRetries(store: RecordStore): RecordStore {
  return withFault(store, {
    commit: ({ units }) =>
      store.commit({
        units: units.map((unit) => {
          if (!unit.job) return unit;
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
        units: units.map((unit) => ({
          ...unit,
          ...(unit.job ? { job: { ...unit.job, freshRetries: true as const } } : {}),
        })),
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
