import { readDuration } from '../adapters/env.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { releaseParent, shutdownSignal } from './shutdown.ts';

/** What waits somewhere, and how it is told. */
export interface Draining<Found> {
  readonly look: () => Promise<Found>;
  readonly isEmpty: (found: Found) => boolean;
  readonly sentence: (found: Found) => string;
  /** What is thrown when some is left. */
  readonly left: (found: Found, timeout: string) => Error;
}

export interface DrainOptions {
  readonly timeout: string;
  readonly json?: boolean;
}

/** Looks twice a second: a look counts. */
const LOOK_MS = 500;

/** Until nothing waits, the time is over or the process is told to end. @throws what is to be said of what waits then */
export async function waitUntilEmpty<Found extends object>(
  { look, isEmpty, sentence, left }: Draining<Found>,
  { timeout, json }: DrainOptions,
): Promise<void> {
  const until = Date.now() + readDuration({ '--timeout': timeout }, '--timeout');
  const signal = shutdownSignal();
  try {
    let found = await look();
    let shown = '';
    while (!isEmpty(found) && Date.now() < until && !signal.aborted) {
      const line = sentence(found);
      // Progress goes to the other stream: the output is the result.
      if (line !== shown) console.error(line);
      shown = line;
      await systemClock.sleep(Math.min(LOOK_MS, Math.max(0, until - Date.now())), signal);
      found = await look();
    }
    if (json) console.log(JSON.stringify({ drained: isEmpty(found), ...found }));
    else if (isEmpty(found)) console.log(sentence(found));
    if (!isEmpty(found)) throw left(found, timeout);
  } finally {
    releaseParent();
  }
}
