import { describe, expect, it } from 'vitest';
import type { RecordStore } from '../../../engine/ports/record-store.ts';
import { openMemoryStore } from '../record-store.memory.ts';
import { brokenClauses } from '../record-store.suite.ts';
import { countsLostAttempts, countsOnlyThePage, forgetsTheClaim } from './record-store-dialect-faults.ts';
import {
  appliesHalfAUnit,
  checksKeysOutsideTheTransaction,
  claimsTwice,
  forgetsTheOutboxRow,
  forgetsWhatLiesBehind,
  givesBackWhatIsHeldAnew,
  ignoresTheToken,
  ignoresTheVersion,
  pollsOutOfTurn,
  pollsWithoutLocking,
  skipsAJobBetweenPages,
} from './record-store-faults.ts';
import {
  forgetsTheFreshRetries,
  givesFreshRetriesUnasked,
  hurriesTimers,
  ignoresTheWordsOfTheError,
  leavesTheJobsOpen,
  listsTheOldestInstancesFirst,
  purgesTooEarly,
  storesADefinitionTwice,
  tearsInstancesApart,
} from './record-store-lifecycle-faults.ts';
import {
  countsNothing,
  forgetsWhatHasStarted,
  keepsTheOldPayload,
  letsTimersQueueLimitedJobs,
  writesBesideTheOpenJob,
} from './record-store-limit-faults.ts';
import {
  advancesWithoutItsJobs,
  ticksAtAnyRevision,
  ticksWhatIsPaused,
} from './record-store-schedule-faults.ts';

/** The clauses each fault must be caught by; it may break others too. */
const caughtBy: readonly (readonly [(store: RecordStore) => RecordStore, readonly number[]])[] = [
  [checksKeysOutsideTheTransaction, [1]],
  [claimsTwice, [3]],
  [ignoresTheToken, [4, 5, 6]],
  [ignoresTheVersion, [5]],
  [appliesHalfAUnit, [5]],
  [forgetsTheOutboxRow, [7]],
  [skipsAJobBetweenPages, [8]],
  [pollsOutOfTurn, [9]],
  [pollsWithoutLocking, [9]],
  [forgetsWhatLiesBehind, [9]],
  [givesBackWhatIsHeldAnew, [10]],
  [leavesTheJobsOpen, [11]],
  [storesADefinitionTwice, [18]],
  [hurriesTimers, [19]],
  [forgetsTheFreshRetries, [12]],
  [givesFreshRetriesUnasked, [12]],
  [ignoresTheWordsOfTheError, [12]],
  [purgesTooEarly, [13]],
  [tearsInstancesApart, [13]],
  [listsTheOldestInstancesFirst, [14]],
  [ticksAtAnyRevision, [15]],
  [advancesWithoutItsJobs, [15]],
  [ticksWhatIsPaused, [15]],
  [writesBesideTheOpenJob, [16]],
  [keepsTheOldPayload, [16]],
  [forgetsWhatHasStarted, [17]],
  [countsNothing, [17]],
  [letsTimersQueueLimitedJobs, [17]],
  [forgetsTheClaim, [20]],
  [countsLostAttempts, [20]],
  [countsOnlyThePage, [21]],
];

describe('the suite of the RecordStore', () => {
  it('finds nothing wrong with a store that keeps the contract', async () => {
    expect(await brokenClauses(openMemoryStore)).toEqual([]);
  });

  for (const [fault, clauses] of caughtBy) {
    it(`catches a store that ${sentence(fault.name)}`, async () => {
      const broken = await brokenClauses(async () => {
        const { store, ...subject } = await openMemoryStore();
        return { ...subject, store: fault(store) };
      });
      expect(broken).toEqual(expect.arrayContaining([...clauses]));
    });
  }
});

function sentence(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
