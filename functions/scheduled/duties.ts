import type { Context } from 'aws-lambda';
import { compose, thawed } from '../compose.ts';

/** Kept for giving the role up and for the last statement to end. */
const MARGIN_MS = 5_000;

/**
 * The Lambda that does the leader's duties in an install that polls: timers, and jobs whose lease has run out. A schedule
 * invokes it each minute, and it goes on until its time is nearly over; where two overlap, the lock lets one at a time. Give
 * it a time limit of 65 s or more, so that the next has begun before it ends.
 */
export async function handler(
  _event: unknown,
  context: Pick<Context, 'getRemainingTimeInMillis'>,
): Promise<void> {
  await thawed();
  const left = context.getRemainingTimeInMillis();
  await compose().duties(AbortSignal.timeout(Math.max(0, left - MARGIN_MS)));
}
