import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../engine/ports/clock.ts';

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: async (milliseconds, signal) => {
    // An abort ends the wait; it is not a failure of it.
    await delay(milliseconds, undefined, signal ? { signal } : {}).catch(() => undefined);
  },
};
