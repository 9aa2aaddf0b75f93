import type { Clock } from '../ports/clock.ts';
import type { EventBus } from '../ports/event-bus.ts';
import type { Logger } from '../ports/logger.ts';
import type { RoleScheduler } from '../ports/role-scheduler.ts';
import type { TimeoutStore } from '../ports/timeout-store.ts';
import type { WorkflowRecordStore } from '../ports/workflow-record-store.ts';

/** What the runs of record workflows are worked on with. Which adapters these are makes no difference to them. */
export interface RecordParts {
  readonly records: WorkflowRecordStore;
  readonly bus: EventBus;
  readonly roles: RoleScheduler;
  /** Needed where a step has a timeout. */
  readonly timeouts?: TimeoutStore | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly watch?: RecordWatch | undefined;
}

/** `overtaken`: somebody stored the run meanwhile, and what came of the step is dropped. `passed_over`: it was done before. */
export const stepResults = [
  'moved',
  'completed',
  'stayed',
  'paused',
  'cancelled',
  'failed',
  'overtaken',
  'passed_over',
] as const;
export type StepResult = (typeof stepResults)[number];

export const timeoutResults = ['fired', 'moot', 'failed'] as const;
export type TimeoutResult = (typeof timeoutResults)[number];

/** Hears what becomes of each step and timeout, for those who count. */
export interface RecordWatch {
  step(workflow: string, result: StepResult, seconds: number): void;
  timeout(workflow: string, result: TimeoutResult): void;
}
