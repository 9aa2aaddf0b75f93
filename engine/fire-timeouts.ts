import type { Logger } from './ports/logger.ts';
import type { Timeout, TimeoutStore } from './ports/timeout-store.ts';

export interface TimeoutFiring {
  readonly store: TimeoutStore;
  readonly logger: Logger;
  readonly workflow: string;
  /** How many are fired at most. */
  readonly limit: number;
  /** How long one whose firing failed waits for the next try, in milliseconds. */
  readonly retryMs: number;
  /**
   * Does what is due, or finds that the run has gone on without it. It may be called again for one that it has fired: what it
   * does must carry a guard of its own.
   */
  readonly fire: (timeout: Timeout) => Promise<'fired' | 'moot'>;
}

/**
 * Fires what is due. One that fails is told of and waits, so that it holds up none behind it.
 *
 * @returns how many were due: as many as the limit means that there may be more
 */
export async function fireTimeouts(firing: TimeoutFiring): Promise<number> {
  const due = await firing.store.due(firing.workflow, firing.limit);
  for (const timeout of due) await fireOne(firing, timeout);
  return due.length;
}

async function fireOne({ store, logger, retryMs, fire }: TimeoutFiring, timeout: Timeout): Promise<void> {
  const { workflow, id, runId } = timeout;
  const outcome = await fire(timeout).catch((error: unknown) => {
    logger.warn('a timeout could not be fired; it is tried again', { workflow, id, runId, retryMs, error });
    return 'failed' as const;
  });
  switch (outcome) {
    case 'fired':
      await store.complete(timeout);
      return;
    case 'moot':
      await store.cancel(timeout);
      return;
    case 'failed':
      await store.postpone(timeout, retryMs);
      return;
    default:
      outcome satisfies never;
  }
}
