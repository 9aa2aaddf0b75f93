import type { WorkflowRecordStore } from '../../../engine/ports/workflow-record-store.ts';
import { type Clause, runClauses, type SuiteOptions, type UnderTest } from './suite.ts';
import { listClauses } from './workflow-record-store.list.clauses.ts';
import { outboxClauses } from './workflow-record-store.outbox.clauses.ts';
import { storeClauses } from './workflow-record-store.store.clauses.ts';

/** They need not be empty: each check has a workflow of its own. */
export interface RecordStoreUnderTest extends UnderTest {
  /** Two stores over the same records, as two processes have them. */
  readonly stores: readonly [WorkflowRecordStore, WorkflowRecordStore];
  /**
   * Kills what holds the records, and begins it again: the stores must find it by themselves. Left out by a store that ends with
   * its process by intention, and where the server is another's.
   */
  readonly restart?: () => Promise<void>;
}

export type RecordStoreClause = Clause<RecordStoreUnderTest>;

/** In the order of the port's comment. */
export const workflowRecordStoreClauses: readonly RecordStoreClause[] = [
  ...storeClauses,
  ...listClauses,
  ...outboxClauses,
];

/** Runs every clause of `WorkflowRecordStore` against an implementation. */
export function recordStoreSuite(name: string, options: SuiteOptions<RecordStoreUnderTest>): void {
  runClauses(`${name} as a WorkflowRecordStore`, workflowRecordStoreClauses, options);
}
