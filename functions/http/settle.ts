import { completeJobs } from '../../engine/commands/complete-jobs.ts';
import { type Failure, failJobs } from '../../engine/commands/fail-jobs.ts';
import type { SettleOutcome } from '../../engine/commands/settle.ts';
import type { Completion } from '../../engine/ports/record-store.ts';
import type { App } from '../compose.ts';

/** The commands that end an attempt, counted. */

export async function complete(
  { deps, metrics }: App,
  completions: readonly Completion[],
): Promise<SettleOutcome[]> {
  const outcomes = await completeJobs(deps, completions);
  for (const [index, { id }] of completions.entries()) {
    if (outcomes[index]?.kind === 'settled') metrics.completed(id);
  }
  return outcomes;
}

export async function fail({ deps, metrics }: App, failures: readonly Failure[]): Promise<SettleOutcome[]> {
  const outcomes = await failJobs(deps, failures);
  for (const outcome of outcomes) if (outcome.kind === 'settled') metrics.failed();
  return outcomes;
}
