import type { RecordStore } from '../../../engine/ports/record-store.ts';
import { withFault } from './record-store-faults.ts';

/** Ends a queued job without beginning its attempt. */
export function forgetsTheClaim(store: RecordStore): RecordStore {
  return withFault(store, {
    commit: ({ units }) =>
      store.commit({
        units: units.map((unit) => {
          if (!unit.job) return unit;
          const { claimedBy: _, ...job } = unit.job;
          return { ...unit, job };
        }),
      }),
  });
}

/** Counts an attempt whose worker is gone. */
export function countsLostAttempts(store: RecordStore): RecordStore {
  return withFault(store, {
    commit: ({ units }) =>
      store.commit({
        units: units.map((unit) => {
          if (!unit.job) return unit;
          const { attemptIsLost: _, ...job } = unit.job;
          return { ...unit, job };
        }),
      }),
  });
}

/** Counts what it shows instead of what there is. */
export function countsOnlyThePage(store: RecordStore): RecordStore {
  return withFault(store, {
    pageInstances: async (filter) => {
      const { items } = await store.pageInstances(filter);
      return { items, total: items.length };
    },
  });
}
