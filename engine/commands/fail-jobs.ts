import type { EngineDeps } from '../deps.ts';
import { failureUnit } from '../failure.ts';
import { type AttemptResult, recordRefused, type SettleOutcome, settle } from './settle.ts';

export interface Failure extends AttemptResult {
  readonly error: string;
  /** False when trying again cannot help: the job goes to the dead letters at once. */
  readonly retryable: boolean;
  /** Wait this long before the next attempt, in milliseconds, instead of what the job's policy says. */
  readonly retryAfterMs?: number | undefined;
}

/** Records failed attempts: another one after a delay while there are retries left, otherwise the dead letters. */
export async function failJobs(deps: EngineDeps, failures: readonly Failure[]): Promise<SettleOutcome[]> {
  const settled = await settle(deps, failures, {
    decide: (loaded, failure) => failureUnit(deps, loaded, failure),
    isRepeat: (status) => status === 'retrying' || status === 'queued' || status === 'dead_letter',
  });
  await recordRefused(deps, failures, settled);
  return settled;
}
