import { MemoryEventBus } from '../../adapters/memory/event-bus.ts';
import { systemClock } from '../../adapters/system/clock.ts';
import type { BusUnderTest } from '../../sdk/testing/conformance/event-bus.suite.ts';

export async function openMemoryBus(): Promise<BusUnderTest> {
  const bus = new MemoryEventBus({ clock: systemClock, maxMessageBytes: 10_000 });
  return {
    buses: [bus, bus],
    tooLarge: 16_000,
    within: 4_000,
    [Symbol.asyncDispose]: () => bus.close(),
  };
}
