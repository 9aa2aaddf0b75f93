import { describe, expect, it } from 'vitest';
import { type BusUnderTest, eventBusClauses } from '../../../sdk/testing/conformance/event-bus.suite.ts';
import { brokenClauses } from '../../../sdk/testing/conformance/suite.ts';
import { openMemoryBus } from '../event-bus.memory.ts';
import * as faults from './event-bus-faults.ts';

/** The clauses each fault must be caught by; it may break others too. */
const caughtBy: Record<keyof typeof faults, readonly number[]> = {
  losesHeaders: [1],
  forgetsWhatItStored: [1],
  storesPartOfARefusedCall: [2, 3],
  dropsWhatIsTooLarge: [3],
  dropsWhatNobodyClaims: [2],
  ignoresTheFilter: [4],
  mistakesTheWildcard: [4],
  forgetsThePlace: [5],
  handlesAKeyAllAtOnce: [6],
  acknowledgesAllBefore: [7],
  acknowledgesEarly: [7, 8],
  ignoresProgress: [7],
  ignoresTheDelay: [8],
  ignoresNak: [8],
  hidesDeadLetters: [9],
  deliversForEver: [9],
  forgetsToRedrive: [9],
  hasNoBackPressure: [10],
  endsTooSoon: [11],
  passesOverSome: [12],
  countsWhatIsNewAlone: [13],
  countsWhatIsDone: [13],
  seesNoBacklog: [13],
};

describe('the suite of the EventBus', () => {
  it('finds nothing wrong with a bus that keeps the contract', async () => {
    expect(await brokenClauses(eventBusClauses, openMemoryBus)).toEqual([]);
  });

  it.concurrent.each(Object.entries(faults))('catches one that %s', async (name, fault) => {
    const clauses = caughtBy[name as keyof typeof faults];
    const broken = await brokenClauses(eventBusClauses, async (): Promise<BusUnderTest> => {
      const subject = await openMemoryBus();
      const [one, other] = subject.buses;
      return { ...subject, within: 2_000, buses: [fault(one), fault(other)] };
    });
    expect(broken).toEqual(expect.arrayContaining([...clauses]));
  });
});
