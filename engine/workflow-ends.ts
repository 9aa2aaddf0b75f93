import type { InstanceId } from '../events/ids.ts';
import type { CommitUnit, NewInstance } from './commit.ts';
import type { CommitOutcome, RecordStore } from './ports/record-store.ts';
import type { InstanceStatus } from './workflow/state.ts';

/** A run of a workflow that is over, for those who watch. */
export interface EndedWorkflow {
  readonly id: InstanceId;
  readonly name: string;
  readonly status: Exclude<InstanceStatus, 'running' | 'paused'>;
  readonly reason: string | null;
  readonly traceparent: string | null;
  readonly createdAt: Date;
}

type Observer = (ended: readonly EndedWorkflow[]) => Promise<void>;

/**
 * The store, telling of each instance that ends by a write through it, once that write is done. A process that dies in between tells
 * nobody: this is for watching, and nothing may hang on it. An instance that fails, is retried and ends again is told of twice.
 */
export function observingEnds(store: RecordStore, observe: Observer): RecordStore {
  return {
    ...store,
    async start(instances) {
      await store.start(instances);
      await tell(observe, instances.flatMap(endedAtOnce));
    },
    async commit(commit) {
      const outcomes = await store.commit(commit);
      await tell(
        observe,
        commit.units.flatMap((unit, index) => endedBy(unit, outcomes[index])),
      );
      return outcomes;
    },
  };
}

async function tell(observe: Observer, ended: readonly EndedWorkflow[]): Promise<void> {
  if (ended.length > 0) await observe(ended);
}

function endedBy({ instance, start = [] }: CommitUnit, outcome: CommitOutcome | undefined): EndedWorkflow[] {
  if (outcome !== 'applied') return [];
  return [...(instance?.ended ? [instance.ended] : []), ...start.flatMap(endedAtOnce)];
}

function endedAtOnce(instance: NewInstance): EndedWorkflow[] {
  const { id, name, status, failureReason: reason, traceparent = null, createdAt } = instance;
  return isOver(status) ? [{ id, name, status, reason, traceparent, createdAt }] : [];
}

export function isOver(status: InstanceStatus): status is EndedWorkflow['status'] {
  return status !== 'running' && status !== 'paused';
}
