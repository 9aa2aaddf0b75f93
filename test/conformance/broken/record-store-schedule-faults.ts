import type { RecordStore } from '../../../engine/ports/record-store.ts';
import type { ScheduleStore } from '../../../engine/ports/schedule-store.ts';
import { withFault } from './record-store-faults.ts';

function withScheduleFault(
  store: RecordStore,
  fault: (schedules: ScheduleStore) => Partial<ScheduleStore>,
): RecordStore {
  return withFault(store, { schedules: withFault(store.schedules, fault(store.schedules)) });
}

/** Enqueues a tick that another leader has enqueued already. */
export function ticksAtAnyRevision(store: RecordStore): RecordStore {
  return withScheduleFault(store, (schedules) => ({
    async tick(tick) {
      if (await schedules.tick(tick)) return true;
      const current = await schedules.get(tick.name);
      return schedules.tick({ ...tick, expectedRevision: current?.revision ?? tick.expectedRevision });
    },
  }));
}

/** Loses the jobs of a tick. */
export function advancesWithoutItsJobs(store: RecordStore): RecordStore {
  return withScheduleFault(store, (schedules) => ({
    tick: (tick) => schedules.tick({ ...tick, jobs: [] }),
  }));
}

/** Finds nothing due unless it is enabled, and everything that is. */
export function ticksWhatIsPaused(store: RecordStore): RecordStore {
  return withScheduleFault(store, (schedules) => ({
    due: async (limit) => {
      const { now } = await schedules.due(limit);
      return { now, schedules: await schedules.list({ limit }) };
    },
  }));
}
