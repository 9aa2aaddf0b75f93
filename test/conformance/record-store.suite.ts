import { describe, it } from 'vitest';
import type { RecordStore } from '../../engine/ports/record-store.ts';
import type { JobId } from '../../events/ids.ts';
import { claimClause, heartbeatClause } from './record-store.claim.clauses.ts';
import { commitClause, completeClause } from './record-store.commit.clauses.ts';
import { pagedClause, settledWithoutClaimClause } from './record-store.dialect.clauses.ts';
import { allOrNoneClause, enqueueClause } from './record-store.enqueue.clauses.ts';
import {
  cancelInstanceClause,
  deadLetterClause,
  definitionClause,
  dueInstanceClause,
} from './record-store.lifecycle.clauses.ts';
import { limitClause } from './record-store.limit.clauses.ts';
import { giveBackClause, pollClause } from './record-store.poll.clauses.ts';
import { instanceListClause, purgeClause } from './record-store.purge.clauses.ts';
import { deadlineClause, listClause, outboxClause } from './record-store.read.clauses.ts';
import { scheduleClause } from './record-store.schedule.clauses.ts';
import { uniqueClause } from './record-store.unique.clauses.ts';

/** A store to be tested, empty, and what the relay would find in its outbox. */
export interface StoreUnderTest extends AsyncDisposable {
  readonly store: RecordStore;
  outbox(): Promise<readonly { readonly topic: string; readonly jobId: JobId }[]>;
}

/** One clause of the port's contract, as named checks; each gets a store of its own and rejects when it is broken. */
export interface Clause {
  readonly number: number;
  readonly title: string;
  readonly checks: Readonly<Record<string, (subject: StoreUnderTest) => Promise<void>>>;
}

/** In the order of the port's comment; the last is its closing sentence. */
export const recordStoreClauses: readonly Clause[] = [
  enqueueClause,
  allOrNoneClause,
  claimClause,
  completeClause,
  commitClause,
  heartbeatClause,
  outboxClause,
  listClause,
  pollClause,
  giveBackClause,
  cancelInstanceClause,
  deadLetterClause,
  purgeClause,
  instanceListClause,
  scheduleClause,
  uniqueClause,
  limitClause,
  definitionClause,
  dueInstanceClause,
  settledWithoutClaimClause,
  pagedClause,
  deadlineClause,
];

/** Runs every clause against an implementation. */
export function testRecordStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name} as a RecordStore`, () => {
    for (const { number, title, checks } of recordStoreClauses) {
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
export async function brokenClauses(open: () => Promise<StoreUnderTest>): Promise<number[]> {
  const broken: number[] = [];
  for (const { number, checks } of recordStoreClauses) {
    for (const check of Object.values(checks)) {
      await using subject = await open();
      const holds = await check(subject).then(
        () => true,
        () => false,
      );
      if (!holds && !broken.includes(number)) broken.push(number);
    }
  }
  return broken;
}
