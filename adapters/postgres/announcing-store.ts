import type { NewJob } from '../../engine/commit.ts';
import type { RecordStore } from '../../engine/ports/record-store.ts';
import type { Announcer } from './announcer.ts';

export interface Announcing {
  readonly announcer: Pick<Announcer, 'announce'>;
  /** Whether a call ends only once it was told: a Lambda is frozen as soon as it has answered. */
  readonly wait: boolean;
}

/** The store, telling of the jobs it has queued for whoever polls. A job with a message is the broker's to tell of. */
export function announcing(store: RecordStore, { announcer, wait }: Announcing): RecordStore {
  const tell = async (jobs: readonly NewJob[]) => {
    const queued = jobs.filter(isForPolling);
    if (queued.length === 0) return;
    const told = announcer.announce(queued.map(({ type }) => type));
    if (wait) await told;
  };
  return {
    ...store,
    schedules: {
      ...store.schedules,
      async tick(tick) {
        const ticked = await store.schedules.tick(tick);
        if (ticked) await tell([...tick.jobs, ...tick.instances.flatMap(({ jobs }) => jobs)]);
        return ticked;
      },
    },
    async enqueue(jobs, options) {
      const outcomes = await store.enqueue(jobs, options);
      await tell(jobs.filter((_, index) => outcomes[index]?.kind === 'created'));
      return outcomes;
    },
    async admit(limit, decide) {
      const count = await store.admit(limit, decide);
      const told = count > 0 ? announcer.announce() : undefined;
      if (wait) await told;
      return count;
    },
    async giveBack(taken) {
      const count = await store.giveBack(taken);
      const told = count > 0 ? announcer.announce(taken.map(({ type }) => type)) : undefined;
      if (wait) await told;
      return count;
    },
    async start(instances) {
      await store.start(instances);
      await tell(instances.flatMap(({ jobs }) => jobs));
    },
    async commit(commit) {
      const outcomes = await store.commit(commit);
      const applied = commit.units.filter((_, index) => outcomes[index] === 'applied');
      // A job that is queued again is known by its id only.
      if (applied.some(({ job }) => job?.status === 'queued' && !job.dispatch)) {
        const told = announcer.announce();
        if (wait) await told;
      } else {
        await tell(
          applied.flatMap(({ enqueue, start = [] }) => [...enqueue, ...start.flatMap(({ jobs }) => jobs)]),
        );
      }
      return outcomes;
    },
  };
}

function isForPolling({ status, dispatch }: NewJob): boolean {
  return status === 'queued' && !dispatch;
}
