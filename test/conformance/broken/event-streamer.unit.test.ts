import { describe, expect, it } from 'vitest';
import type { EventStreamer } from '../../../engine/ports/event-streamer.ts';
import { eventStreamerClauses } from '../../../sdk/testing/conformance/event-streamer.suite.ts';
import { brokenClauses } from '../../../sdk/testing/conformance/suite.ts';
import { openMemoryStreamer } from '../event-streamer.memory.ts';
import {
  acknowledgesBeforeItStores,
  commitsBeforeItHandles,
  commitsPastAFailure,
  deliversInAnyOrder,
  dropsTheNeighboursOfARefusedRecord,
  endsBeforeTheBatchUnderWay,
  goesOnAfterAFailure,
  ignoresTheSignal,
  neverRedelivers,
  refusesByTheWrongIndex,
  swallowsAnError,
  turnsTheOrderRound,
} from './event-streamer-faults.ts';

/** The clauses each fault must be caught by; it may break others too. */
const caughtBy: readonly (readonly [(streamer: EventStreamer) => EventStreamer, readonly number[]])[] = [
  [acknowledgesBeforeItStores, [1]],
  [turnsTheOrderRound, [2]],
  [dropsTheNeighboursOfARefusedRecord, [3]],
  [refusesByTheWrongIndex, [3]],
  [swallowsAnError, [4, 5]],
  [goesOnAfterAFailure, [4]],
  [neverRedelivers, [6]],
  [commitsPastAFailure, [6]],
  [commitsBeforeItHandles, [6, 8]],
  [deliversInAnyOrder, [7]],
  [endsBeforeTheBatchUnderWay, [8]],
  [ignoresTheSignal, [8]],
];

describe('the suite of the EventStreamer', () => {
  it('finds nothing wrong with a streamer that keeps the contract', async () => {
    expect(await brokenClauses(eventStreamerClauses, openMemoryStreamer)).toEqual([]);
  });

  for (const [fault, clauses] of caughtBy) {
    it(`catches a streamer that ${sentence(fault.name)}`, async () => {
      const broken = await brokenClauses(eventStreamerClauses, async () => {
        const { streamer, ...subject } = await openMemoryStreamer();
        // In memory all that happens does so at once; a fault is what is waited for in vain.
        return { ...subject, within: 400, streamer: fault(streamer) };
      });
      expect(broken).toEqual(expect.arrayContaining([...clauses]));
    });
  }
});

function sentence(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
