import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../engine/ports/clock.ts';

/** The package brings its own: it may not depend on the adapters of the server. */
export const sdkClock: Clock = {
  now: () => new Date(),
  sleep: async (milliseconds, signal) => {
    // An abort ends the wait; it is not a failure of it.
    await delay(milliseconds, undefined, signal ? { signal } : {}).catch(() => undefined);
  },
};
