import { describe } from 'vitest';
import type { DispatchMode } from '../../../../engine/deps.ts';
import { handlers } from '../definitions.ts';
import { type DialectStack, startDialect, type Transport } from '../stack.ts';
import { testChains } from './chains.ts';
import { testDecisions } from './decisions.ts';
import { testDefinitions } from './definitions.ts';
import { testInstances } from './instances.ts';
import { testLoans } from './loans.ts';
import { testParallel } from './parallel.ts';
import { testRetries } from './retries.ts';
import { testSequences } from './sequences.ts';
import { testTimers } from './timers.ts';
import { testWaits } from './waits.ts';

/**
 * What the tests of the original assert, and what it promises beyond them, with a worker that speaks only its protocol, over the
 * transport that is named.
 */
export function testDialect(mode: DispatchMode, transport: Transport): DialectStack {
  const stack = startDialect(mode, { transport, handlers });
  describe(`over ${transport} in mode ${mode}`, () => {
    testSequences(stack);
    testDecisions(stack);
    testParallel(stack);
    testTimers(stack);
    testWaits(stack);
    testRetries(stack);
    testChains(stack);
    testInstances(stack);
    testDefinitions(stack);
    testLoans(stack);
  });
  return stack;
}
