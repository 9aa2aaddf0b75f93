import type { StepId } from '../../events/ids.ts';

/**
 * News that jobs were queued, from any process, for those that wait for some. It may be late, or be lost with a
 * connection: whoever waits also looks by itself now and then.
 */
export interface Arrivals {
  /** Where the news stands. Taken before looking for jobs, so that what is queued meanwhile is not missed. */
  mark(): number;
  /** Resolves when a job of one of the types may have been queued since the mark, when the time is up, or at an abort. */
  after(mark: number, options: ArrivalWait): Promise<void>;
  /** Aborts when nobody is to wait any longer. */
  readonly closing: AbortSignal;
  /** Ends all waits. Safe to call twice. */
  close(): Promise<void>;
}

export interface ArrivalWait {
  readonly types: readonly StepId[];
  readonly ms: number;
  readonly signal: AbortSignal;
}
