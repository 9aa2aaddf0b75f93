import type { Retention } from '../engine/roles/retention.ts';
import { type Environment, readDuration, readOptional } from './env.ts';

const DAY_MS = 86_400_000;

/** How long what has ended is kept, for every process that has the leader's roles. */
export function readRetention(env: Environment): Retention {
  return Object.freeze({
    completedMs: keptFor(env, 'WE_RETENTION_COMPLETED', 7 * DAY_MS),
    failedMs: keptFor(env, 'WE_RETENTION_DEAD_LETTERS', 30 * DAY_MS),
    trailMs: keptFor(env, 'WE_RETENTION_AUDIT', 30 * DAY_MS),
  });
}

/** `0` is for ever. */
function keptFor(env: Environment, name: string, fallbackMs: number): number | undefined {
  return readOptional(env, name) === '0' ? undefined : readDuration(env, name, fallbackMs);
}
