import type { RelayLimits } from './config.ts';

/** What waits to be published. */
export interface Waiting {
  readonly messages: number;
  readonly bytes: number;
  /** How old the newest commit was when the server sent it. */
  readonly ageMs: number;
  /** How long the oldest waiting row has been waiting here. */
  readonly waitedMs: number;
}

/** Older than this, and there is a backlog: what counts then is throughput. */
const BACKLOG_AGE_MS = 50;
/** The longest that a row waits for a batch to fill. */
const LINGER_MS = 20;

/**
 * How long to go on collecting before the next publish; 0 is now. Measured: publishing eagerly while there is a backlog
 * makes many small batches, which halved the drain rate and cost the broker ten times the CPU; waiting while there is none
 * would add the wait to every job's latency.
 */
export function flushDelayMs(waiting: Waiting, limits: RelayLimits): number {
  if (waiting.messages === 0) return Number.POSITIVE_INFINITY;
  if (waiting.messages >= limits.batchMessages || waiting.bytes >= limits.batchBytes) return 0;
  if (waiting.ageMs <= BACKLOG_AGE_MS) return 0;
  return Math.max(0, LINGER_MS - waiting.waitedMs);
}
