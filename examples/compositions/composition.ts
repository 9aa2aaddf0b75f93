import type { Clock } from '../../engine/ports/clock.ts';
import type { EventBus } from '../../engine/ports/event-bus.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { RoleScheduler } from '../../engine/ports/role-scheduler.ts';
import type { TimeoutStore } from '../../engine/ports/timeout-store.ts';
import type { WorkflowRecordStore } from '../../engine/ports/workflow-record-store.ts';

/** A part of each kind, and how the workflow is run on them. What uses it does not know which parts they are. */
export interface Composition {
  readonly records: WorkflowRecordStore;
  readonly bus: EventBus;
  readonly roles: RoleScheduler;
  readonly timeouts: TimeoutStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly options: RunOptions;
  /** Ends its connections. */
  close(): Promise<void>;
}

export interface RunOptions {
  /** Runs that are worked on at once, at most. */
  readonly parallelCount: number;
  /** How often due timeouts, and an outbox that was empty, are looked at, in milliseconds. */
  readonly pollingFrequency: number;
  /** How long a step that failed waits for its next try, in milliseconds. */
  readonly errBackOff: number;
  /** A run is paused when one step has failed so often. The bus counts, so a restart forgets nothing. */
  readonly pauseAfterErrCount: number;
}
