import { describe, expect, it } from 'vitest';
import { brokenClauses } from '../../../sdk/testing/conformance/suite.ts';
import { timeoutStoreClauses } from '../../../sdk/testing/conformance/timeout-store.suite.ts';
import { openMemoryTimeouts } from '../timeout-store.memory.ts';
import * as faults from './timeout-store-faults.ts';

/** The clauses each fault must be caught by; it may break others too. */
const caughtBy: Readonly<Record<keyof typeof faults, readonly number[]>> = {
  losesThemAtARestart: [1],
  answersAsIfItWereEmpty: [1],
  acknowledgesBeforeItStores: [1],
  keepsWholeSeconds: [1],
  setsItForTheForeignIdAlone: [1],
  tellsEveryCreatorThatItWrote: [2],
  revivesWhatHasEnded: [2],
  firesBeforeTheTime: [3],
  turnsTheOrderRound: [3],
  ignoresTheLimit: [3],
  tellsEveryCallerThatItEnded: [4],
  cancelsNothing: [4],
  completesWhatWasCancelled: [4],
  postponesNothing: [5],
  postponesWhatHasEnded: [5],
  passesOverOneAtEachPage: [6],
  ordersByLetters: [6],
  mixesUpTheStates: [6],
  forgetsToSayThatNothingIsPending: [7],
  purgesNothing: [8],
  purgesTooMuch: [8],
  mixesUpTheWorkflows: [9],
};

describe('the suite of the TimeoutStore', () => {
  it('finds nothing wrong with a store that keeps the contract', async () => {
    const open = async () => ({ ...(await openMemoryTimeouts()), restart: async () => undefined });
    expect(await brokenClauses(timeoutStoreClauses, open)).toEqual([]);
  });

  for (const [name, fault] of Object.entries(faults)) {
    it.concurrent(`catches a store that ${sentence(name)}`, async () => {
      const clauses = caughtBy[name as keyof typeof faults];
      // In memory all that happens does so at once; a fault is what is waited for in vain.
      const open = async () => fault({ ...(await openMemoryTimeouts()), within: 1_000 });
      expect(await brokenClauses(timeoutStoreClauses, open)).toEqual(expect.arrayContaining([...clauses]));
    });
  }
});

function sentence(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
