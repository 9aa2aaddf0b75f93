import { MemoryTimeoutStore } from '../../adapters/memory/timeout-store.ts';
import { systemClock } from '../../adapters/system/clock.ts';
import type { TimeoutsUnderTest } from '../../sdk/testing/conformance/timeout-store.suite.ts';

export async function openMemoryTimeouts(): Promise<TimeoutsUnderTest> {
  const store = new MemoryTimeoutStore(systemClock);
  return { stores: [store, store], within: 3_000 };
}
