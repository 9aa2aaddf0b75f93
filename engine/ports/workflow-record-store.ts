/**
 * Where runs of a typed workflow are kept: a record each, and an outbox that says what became of them. Every implementation
 * passes `recordStoreSuite` of `@millrace/sdk/testing`, whose clauses are these, in order:
 *
 * 1. `store` at version 0 writes a new run at version 1, and what was given is read back as it was given: bytes as bytes, text
 *    to the letter. The times are the store's own.
 * 2. `store` at a later version replaces the record only while that is its version, which then rises by one; otherwise it is a
 *    `conflict` that names the version there is (0: none), and nothing is written. Of concurrent stores at one version, one counts.
 *    A run keeps the names and the time it was made with.
 * 3. A workflow has one open run for a foreign id: another is `in_progress`, and names the open one. Of concurrent ones, one is
 *    stored. Finished runs are in nobody's way.
 * 4. `lookup` finds a run by its id, and `latest` the youngest of a workflow and foreign id, which are compared to the letter:
 *    upper and lower case and spaces at the end make another.
 * 5. `list` is in the order of creation, either way, and paging through it with the cursor meets every record once, whatever
 *    is stored meanwhile.
 * 6. `list` gives what all of its filters describe, and nothing else.
 * 7. What is stored has its event in the outbox, in the same transaction; what is not stored has none. Of one run the events
 *    come in the order of its versions.
 * 8. An event stays in the outbox, and at its place there, until it is deleted: listing takes nothing and remembers nothing.
 * 9. Whatever stores and drains at the same time, in whatever number, no event is passed over.
 * 10. What was stored outlives a crash of what holds it, and a store finds that again by itself.
 *
 * A number in an outbox is given out before its transaction commits, so a later number may become visible first. A reader that
 * remembers the highest number it has seen loses what comes after; hence list, publish, delete. For the same reason the
 * cursor of `list` is for reading what is there, not for following what comes.
 */
export interface WorkflowRecordStore {
  /** @throws MillraceError `invalid_request` for names over the limits of `engine/records/record-limits.ts` */
  store(record: NewRecord): Promise<StoreOutcome>;
  lookup(runId: string): Promise<WorkflowRecord | undefined>;
  latest(workflowName: string, foreignId: string): Promise<WorkflowRecord | undefined>;
  list(query: RecordQuery): Promise<RecordPage>;

  /** Those of one workflow, or all. */
  listOutboxEvents(query: OutboxQuery): Promise<readonly OutboxEvent[]>;
  /** @returns how many there were; an id that is not there is no error, for two may publish the same event */
  deleteOutboxEvents(ids: readonly string[]): Promise<number>;
}

export const runStates = [
  'initiated',
  'running',
  'paused',
  'cancelled',
  'completed',
  'data_deleted',
  'requested_data_deleted',
] as const;
export type RunState = (typeof runStates)[number];

/** In these a run is open. */
export const openStates: readonly RunState[] = ['initiated', 'running', 'paused'];

export interface NewRecord {
  readonly workflowName: string;
  /** The user's own key. */
  readonly foreignId: string;
  /** A UUID, in lower case. */
  readonly runId: string;
  /** The step of the user's own graph that the run is at. */
  readonly status: number;
  readonly runState: RunState;
  readonly object: Buffer;
  /** Why it is in its state, in the words of whoever brought it there; none unless given. */
  readonly reason?: string | undefined;
  /** The version that was read; 0 for a new run. */
  readonly version: number;
}

export interface WorkflowRecord extends NewRecord {
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export type StoreOutcome =
  | { readonly kind: 'stored'; readonly version: number }
  | { readonly kind: 'conflict'; readonly version: number }
  | { readonly kind: 'in_progress'; readonly runId: string };

export interface RecordQuery {
  readonly workflowName?: string | undefined;
  readonly foreignId?: string | undefined;
  /** Any of these. */
  readonly statuses?: readonly number[] | undefined;
  readonly runStates?: readonly RunState[] | undefined;
  /** At this time or after it. */
  readonly createdFrom?: Date | undefined;
  /** Before this time. */
  readonly createdUntil?: Date | undefined;
  /** By creation; oldest first unless given. */
  readonly order?: 'ascending' | 'descending' | undefined;
  /** As the page before gave it, with the same filters and order. */
  readonly cursor?: string | undefined;
  readonly limit: number;
}

export interface RecordPage {
  readonly records: readonly WorkflowRecord[];
  /** Where to go on; undefined when this page is the last. */
  readonly cursor: string | undefined;
}

export interface OutboxQuery {
  readonly workflowName?: string | undefined;
  readonly limit: number;
}

/** What became of a run with one store. */
export interface OutboxEvent {
  readonly id: string;
  readonly workflowName: string;
  readonly foreignId: string;
  readonly runId: string;
  readonly status: number;
  readonly runState: RunState;
  /** Of the record, as of this event: a consumer that finds a later one is late, and has nothing to do. */
  readonly recordVersion: number;
  readonly createdAt: Date;
}
