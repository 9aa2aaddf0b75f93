/**
 * Timeouts that outlive the process which set them. Every implementation passes `timeoutStoreSuite` of `@millrace/sdk/testing`, whose
 * clauses are these, in order:
 *
 * 1. When `create` resolves, the timeout is stored: every client sees it as it was given, its time to the millisecond, also
 *    after whatever holds it was killed and began again.
 * 2. An id is one timeout of its workflow for as long as it is stored: of any number of `create`s, also concurrent ones and those
 *    that come after its end, one writes and says so, and the others change nothing.
 * 3. `due` gives the pending timeouts of the workflow whose time has come by the store's own clock, the earliest first, at most
 *    as many as asked for, and none before its time.
 * 4. `complete` and `cancel` end a pending timeout once: of any number of callers one is told that it did. One that has ended
 *    is never due again and never changes.
 * 5. `postpone` moves a pending timeout to so long from now, by the store's clock, and leaves one that has ended as it is.
 * 6. `list` gives every timeout of the workflow once, by id in the order of its bytes, of one state or of all, page by page.
 * 7. `nextDueMs` is how long until the first pending timeout of the workflow is due: 0 when one is, undefined when there is none.
 * 8. `purge` forgets timeouts that ended longer ago than asked, at most as many as asked for, and no pending one.
 * 9. Workflows have nothing to do with each other.
 *
 * A store that cannot be reached rejects with a MillraceError that says `retryable`; it never answers as if it were empty.
 * Whoever fires a timeout does so before it is completed (`engine/fire-timeouts.ts`): a crash between fires it again.
 */
export interface TimeoutStore {
  /** @returns whether it was written: false when there is one of this id */
  create(timeout: NewTimeout): Promise<boolean>;
  get(ref: TimeoutRef): Promise<Timeout | undefined>;
  due(workflow: string, limit: number): Promise<readonly Timeout[]>;
  /** @returns whether this call ended it */
  complete(ref: TimeoutRef): Promise<boolean>;
  /** @returns whether this call ended it */
  cancel(ref: TimeoutRef): Promise<boolean>;
  /** @returns whether it is pending still */
  postpone(ref: TimeoutRef, milliseconds: number): Promise<boolean>;
  list(workflow: string, page: TimeoutPage): Promise<readonly Timeout[]>;
  nextDueMs(workflow: string): Promise<number | undefined>;
  /** @returns how many it has forgotten */
  purge(workflow: string, options: { readonly olderThanMs: number; readonly limit: number }): Promise<number>;
}

export interface TimeoutRef {
  readonly workflow: string;
  /** The caller's: of the run and what it waits for, so that one delivered twice is set once. */
  readonly id: string;
}

export interface NewTimeout extends TimeoutRef {
  readonly foreignId: string;
  /** The run it was set for: a later one of the same foreign id is not its business. */
  readonly runId: string;
  /** Of the run when it was set; once the run has another, the timeout is moot. */
  readonly status: string;
  readonly expiresAt: Date;
}

export const timeoutStates = ['pending', 'completed', 'cancelled'] as const;
export type TimeoutState = (typeof timeoutStates)[number];

export interface Timeout extends NewTimeout {
  readonly state: TimeoutState;
  readonly createdAt: Date;
  /** Null while it is pending. */
  readonly endedAt: Date | null;
}

export interface TimeoutPage {
  /** All states when absent. */
  readonly state?: TimeoutState | undefined;
  /** The last id of the page before. */
  readonly after?: string | undefined;
  readonly limit: number;
}
