import { createHash } from 'node:crypto';
import type { DispatchMode, EngineDeps } from '../../engine/deps.ts';
import type { RecordStore } from '../../engine/ports/record-store.ts';
import { defaultRetryPolicy } from '../../engine/retry-policy.ts';
import { systemClock } from './clock.ts';
import { newId } from './new-id.ts';

/** The engine's dependencies as every process has them; only the store and the mode differ. */
export function createEngineDeps(store: RecordStore, mode: DispatchMode): EngineDeps {
  return {
    store,
    mode,
    clock: systemClock,
    newId,
    cron: async () => (await import('./cron.ts')).cron,
    random: Math.random,
    hash: (text) => createHash('sha256').update(text).digest(),
    retryPolicy: defaultRetryPolicy,
  };
}
