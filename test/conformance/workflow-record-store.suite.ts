import { describe, it } from 'vitest';
import type { WorkflowRecordStore } from '../../engine/ports/workflow-record-store.ts';
import { listClauses } from './workflow-record-store.list.clauses.ts';
import { outboxClauses } from './workflow-record-store.outbox.clauses.ts';
import { storeClauses } from './workflow-record-store.store.clauses.ts';

/** Two stores over the same records, as two processes have them. They need not be empty. */
export interface RecordStoreUnderTest extends AsyncDisposable {
  readonly stores: readonly [WorkflowRecordStore, WorkflowRecordStore];
}

/** One clause of the port's contract, as named checks; each rejects when it is broken. */
export interface RecordStoreClause {
  readonly number: number;
  readonly title: string;
  readonly checks: Readonly<Record<string, (subject: RecordStoreUnderTest) => Promise<void>>>;
}

/** In the order of the port's comment. */
export const workflowRecordStoreClauses: readonly RecordStoreClause[] = [
  ...storeClauses,
  ...listClauses,
  ...outboxClauses,
];

/** Runs every clause against an implementation. */
export function recordStoreSuite(name: string, open: () => Promise<RecordStoreUnderTest>): void {
  describe(`${name} as a WorkflowRecordStore`, () => {
    for (const { number, title, checks } of workflowRecordStoreClauses) {
      describe(`${number}. ${title}`, () => {
        for (const [sentence, check] of Object.entries(checks)) {
          it(sentence, async () => {
            await using subject = await open();
            await check(subject);
          });
        }
      });
    }
  });
}

/** The numbers of the clauses that a store breaks. */
export async function brokenRecordClauses(open: () => Promise<RecordStoreUnderTest>): Promise<number[]> {
  const broken = new Set<number>();
  for (const { number, checks } of workflowRecordStoreClauses) {
    for (const check of Object.values(checks)) {
      await using subject = await open();
      await check(subject).catch(() => broken.add(number));
    }
  }
  return [...broken];
}
