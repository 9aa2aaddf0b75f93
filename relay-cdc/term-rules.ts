import type { Lsn } from '../events/ids.ts';
import { laterOf } from './lsn.ts';

/** What a leader is doing. The lock is let go when it is over, and not before. */
export type TermPhase = 'leading' | HandOverPhase | 'over';

/** A hand-over, step by step, so that the next leader finds nothing to repeat. */
export type HandOverPhase = 'ending_duties' | 'draining' | 'clearing' | 'ending_stream';

export type TermEvent =
  /** The process was asked to stop. */
  | 'stop'
  /** What the phase does is done, or its time is up. */
  | 'done'
  /** Anything failed: connection, broker, another term. */
  | 'failure';

const AFTER: Readonly<Record<HandOverPhase, TermPhase>> = {
  ending_duties: 'draining',
  draining: 'clearing',
  // Before the stream ends, so that nobody else has the lock while rows of this term are cleared.
  clearing: 'ending_stream',
  ending_stream: 'over',
};

export function nextPhase(phase: TermPhase, event: TermEvent): TermPhase {
  if (phase === 'over' || event === 'failure') return 'over';
  if (phase === 'leading') return event === 'stop' ? 'ending_duties' : 'leading';
  return event === 'done' ? AFTER[phase] : phase;
}

/**
 * Whether this process may still speak for the slot; to be asked before each call to the broker.
 * @param isCurrent whether the server must still take this process for alive
 */
export function mayPublish(phase: TermPhase, isCurrent: boolean): boolean {
  return phase !== 'over' && isCurrent;
}

/**
 * Where a term streams from. A crash of the server takes the slot back to its last checkpoint, and the row in relay_state
 * not: the later of both is right, unless the row knows of a log that this server does not have.
 */
export function startPosition(found: {
  /** What the slot says is confirmed; undefined when it says nothing. */
  readonly slot: Lsn | undefined;
  /** What the last term recorded. */
  readonly recorded: Lsn | undefined;
  /** How far the server's log goes. */
  readonly written: Lsn;
}): Lsn {
  const { slot, recorded, written } = found;
  const confirmed = slot ?? written;
  return recorded !== undefined && recorded <= written ? laterOf(confirmed, recorded) : confirmed;
}
