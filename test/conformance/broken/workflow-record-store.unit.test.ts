import { describe, expect, it } from 'vitest';
import { brokenClauses } from '../../../sdk/testing/conformance/suite.ts';
import { workflowRecordStoreClauses } from '../../../sdk/testing/conformance/workflow-record-store.suite.ts';
import { openMemoryRecords } from '../workflow-record-store.memory.ts';

import * as faults from './workflow-record-store-faults.ts';

/** The clauses each fault must be caught by; it may break others too. */
const caughtBy = [
  { says: 'drops the version check', fault: faults.dropsTheVersionCheck, clauses: [2] },
  { says: 'checks the version beforehand', fault: faults.checksTheVersionBeforehand, clauses: [2] },
  { says: 'checks for an open run beforehand', fault: faults.checksForAnOpenRunBeforehand, clauses: [3] },
  { says: 'forgets the event', fault: faults.forgetsTheEvent, clauses: [7, 9] },
  { says: 'announces what it refused', fault: faults.announcesWhatItRefused, clauses: [7] },
  { says: 'reads the outbox by a cursor', fault: faults.readsTheOutboxByACursor, clauses: [8] },
  { says: 'deletes up to the highest number', fault: faults.deletesUpToTheHighest, clauses: [8] },
  { says: 'skips what another reads', fault: faults.skipsWhatAnotherReads, clauses: [8] },
  { says: 'reads the outbox backwards', fault: faults.readsTheOutboxBackwards, clauses: [7, 9] },
  { says: 'deletes what it lists', fault: faults.deletesWhatItLists, clauses: [8, 9] },
  {
    says: 'takes the last stored for the youngest',
    fault: faults.takesTheLastStoredForTheYoungest,
    clauses: [4],
  },
  { says: 'finds whatever the case', fault: faults.findsWhateverTheCase, clauses: [4] },
  { says: 'pages by offset', fault: faults.pagesByOffset, clauses: [5] },
  { says: 'repeats the last of a page', fault: faults.repeatsTheLastOfAPage, clauses: [5] },
  { says: 'ignores the order', fault: faults.ignoresTheOrder, clauses: [5] },
  { says: 'takes no states for all', fault: faults.takesNoStatesForAll, clauses: [6] },
  { says: 'shifts the times', fault: faults.shiftsTheTimes, clauses: [6] },
  { says: 'keeps objects as text', fault: faults.keepsObjectsAsText, clauses: [1] },
  { says: 'forgets the reason', fault: faults.forgetsTheReason, clauses: [1, 2, 5] },
  { says: 'is hours off', fault: faults.isHoursOff, clauses: [1] },
  { says: 'loses them in a crash', fault: faults.losesThemInACrash, clauses: [10] },
  { says: 'cuts off long names', fault: faults.cutsOffLongNames, clauses: [1] },
];

describe('the suite of the WorkflowRecordStore', () => {
  it('finds nothing wrong with a store that keeps the contract', async () => {
    expect(await brokenClauses(workflowRecordStoreClauses, openMemoryRecords)).toEqual([]);
  });

  it('has a store for every fault that is written down', () => {
    expect(caughtBy.map(({ fault }) => fault)).toEqual(expect.arrayContaining(Object.values(faults)));
  });

  it.concurrent.each(caughtBy)('catches one that $says', async ({ fault, clauses }) => {
    const broken = await brokenClauses(workflowRecordStoreClauses, async () => {
      const subject = await openMemoryRecords();
      const store = fault(subject.stores[0]);
      const restart = async () =>
        'crash' in store && typeof store.crash === 'function' ? store.crash() : undefined;
      return { ...subject, stores: [store, store] as const, restart, within: 1_000 };
    });
    expect(broken).toEqual(expect.arrayContaining(clauses));
  });
});
