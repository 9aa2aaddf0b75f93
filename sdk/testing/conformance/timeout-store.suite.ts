import type { TimeoutStore } from '../../../engine/ports/timeout-store.ts';
import { type Clause, runClauses, type SuiteOptions, type UnderTest } from './suite.ts';
import { dueClauses } from './timeout-store.due.clauses.ts';
import { keepingClauses } from './timeout-store.keeping.clauses.ts';

export interface TimeoutsUnderTest extends UnderTest {
  /** Two clients of one store, as two processes would have. */
  readonly stores: readonly [TimeoutStore, TimeoutStore];
  /**
   * Kills what holds the timeouts, and begins it again: the clients must find it by themselves. Left out only by a store that
   * ends with its process by intention.
   */
  readonly restart?: () => Promise<void>;
}

export type TimeoutClause = Clause<TimeoutsUnderTest>;

/** In the order of the port's comment. */
export const timeoutStoreClauses: readonly TimeoutClause[] = [...keepingClauses, ...dueClauses].sort(
  (a, b) => a.number - b.number,
);

/** Holds a TimeoutStore to its contract. */
export function timeoutStoreSuite(name: string, options: SuiteOptions<TimeoutsUnderTest>): void {
  runClauses(`${name} as a TimeoutStore`, timeoutStoreClauses, options);
}
