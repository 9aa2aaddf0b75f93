import { MillraceError } from '../errors.ts';
import type { Logger } from '../ports/logger.ts';
import type { NewRecord, WorkflowRecord } from '../ports/workflow-record-store.ts';

/** A workflow whose runs are records: what is done at each status, and where a run may go from there. */
export interface RecordWorkflow<Data = unknown> {
  /** Letters, digits, `_` and `-`, at most 200: it is a token of the subjects. */
  readonly name: string;
  /** By status, which is a whole number. A run that gets to a status without a step is completed. */
  readonly steps: Readonly<Record<number, RecordStep<Data>>>;
  readonly options?: RecordOptions;
}

export interface RecordStep<Data = unknown> {
  /** The statuses a run may go to from here. */
  readonly to: readonly number[];
  /**
   * Done once a run has got here, and again after an error or a crash: its effects must be idempotent. Without it the run stays
   * until its timeout, or until somebody moves it.
   */
  run?(run: RecordRun<Data>): StepOutcome<Data> | Promise<StepOutcome<Data>>;
  readonly timeout?: RecordTimeout<Data>;
}

/** When a run that is still here goes elsewhere. Give one of `afterMs` and `at`. */
export interface RecordTimeout<Data = unknown> {
  readonly to: number;
  /** Counted from the store that brought the run here. */
  readonly afterMs?: number;
  /** Undefined: this run waits for as long as it takes. */
  at?(run: RecordRun<Data>): Date | undefined;
}

/** A run at the status whose step is done. */
export interface RecordRun<Data = unknown> {
  readonly runId: string;
  readonly foreignId: string;
  readonly status: number;
  readonly version: number;
  /** The record's object, which is JSON; undefined where it is empty. */
  readonly data: Data;
  readonly createdAt: Date;
  /** When the run got to this status, or was last stored at it. */
  readonly updatedAt: Date;
  /** 1 the first time. One that a crash cut short counts. */
  readonly tries: number;
  /** Aborts when the process must end. What is done after that is done again. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

/** Where the run goes, with what data (as it was unless given), or that it stops. Undefined: nothing is stored, and it stays. */
export type StepOutcome<Data = unknown> =
  | { readonly to: number; readonly data?: Data }
  | { readonly pause: string }
  | { readonly cancel: string }
  | undefined;

export interface RecordOptions {
  /** Steps of this workflow at once, at most; 1 unless given. */
  readonly parallelCount?: number;
  /** How often due timeouts, and an outbox that was empty, are looked at, in milliseconds; 250 unless given. */
  readonly pollingFrequency?: number;
  /** How long a step that failed waits for its next try, in milliseconds; 1,000 unless given. It holds up no other run. */
  readonly errBackOff?: number;
  /** A run is paused when its step has failed so often; 0, never, unless given. The bus counts, so a restart forgets nothing. */
  readonly pauseAfterErrCount?: number;
}

export const recordDefaults = {
  parallelCount: 1,
  pollingFrequency: 250,
  errBackOff: 1_000,
  pauseAfterErrCount: 0,
} as const satisfies Required<RecordOptions>;

/** A run that was made without anybody's leave to go on is asked for by these. */
const WORKED_ON: readonly string[] = ['initiated', 'running'];

/** Whether its step is to be done: it is neither stopped nor at its end. */
export function isUnderWay({ runState }: Pick<NewRecord, 'runState'>): boolean {
  return WORKED_ON.includes(runState);
}

/** All that a run can be at. */
export function statusesOf({ steps }: RecordWorkflow): ReadonlySet<number> {
  const ends = Object.values(steps).flatMap(({ to, timeout }) => (timeout ? [...to, timeout.to] : to));
  return new Set([...Object.keys(steps).map(Number), ...ends]);
}

/**
 * The record as the outcome has it; undefined where there is nothing to store.
 * @throws MillraceError `configuration` for a status that the step may not go to
 */
export function recordAfter(
  workflow: RecordWorkflow,
  record: WorkflowRecord,
  outcome: StepOutcome,
): NewRecord | undefined {
  if (outcome === undefined) return undefined;
  if ('pause' in outcome) return { ...record, runState: 'paused', reason: cut(outcome.pause) };
  if ('cancel' in outcome) return { ...record, runState: 'cancelled', reason: cut(outcome.cancel) };
  const { to, data } = outcome;
  const allowed = workflow.steps[record.status]?.to ?? [];
  if (!allowed.includes(to)) {
    throw new MillraceError(
      'configuration',
      `The step at status ${record.status} of ${workflow.name} went to ${to}, which is none of its \`to\` (${allowed.join(', ')}).`,
    );
  }
  const moved = movedTo(workflow, record, to);
  return data === undefined ? moved : { ...moved, object: Buffer.from(JSON.stringify(data)) };
}

/** A status without a step is the end. */
export function movedTo(workflow: RecordWorkflow, record: NewRecord, status: number): NewRecord {
  const runState = workflow.steps[status] ? 'running' : 'completed';
  return { ...record, status, runState, reason: undefined };
}

/** What a record can hold of it. */
export function cut(reason: string): string {
  return reason.replaceAll('\0', ' ').slice(0, 1_000);
}
