import { completeJobs } from '../../engine/commands/complete-jobs.ts';
import { type Failure, failJobs } from '../../engine/commands/fail-jobs.ts';
import type { AttemptResult, SettleOutcome } from '../../engine/commands/settle.ts';
import type { Completion } from '../../engine/ports/record-store.ts';
import type { JobId } from '../../events/ids.ts';
import type { App } from '../compose.ts';
import type { JobMetrics } from './metrics.ts';
import { onceEach } from './once-each.ts';
import { jobNotFound, staleToken } from './refusals.ts';
import type { Reply } from './shape.ts';
import { jsonArray, jsonObject } from './views.ts';

/** The two commands that end an attempt, counted, and the answers to them, which are the same for both. */

/** A result, and how long the worker had the job, where it says so. */
export interface MeasuredCompletion extends Completion {
  readonly heldMs?: number | undefined;
}

export async function complete(
  { deps, metrics }: App,
  completions: readonly MeasuredCompletion[],
): Promise<SettleOutcome[]> {
  const outcomes = await completeJobs(deps, completions);
  metrics.completed(completions.filter((_, index) => isNew(outcomes[index])));
  for (const outcome of outcomes) countRefused(metrics, outcome);
  return outcomes;
}

export async function fail({ deps, metrics }: App, failures: readonly Failure[]): Promise<SettleOutcome[]> {
  const outcomes = await failJobs(deps, failures);
  for (const outcome of outcomes) {
    if (isNew(outcome)) metrics.failed();
    countRefused(metrics, outcome);
  }
  return outcomes;
}

/** One that was settled without a token. */
export function countSettled(
  { metrics }: App,
  outcome: SettleOutcome,
  { id, end }: { readonly id: JobId; readonly end: 'completed' | 'failed' },
): void {
  countRefused(metrics, outcome);
  if (!isNew(outcome)) return;
  if (end === 'completed') metrics.completed([{ id }]);
  else metrics.failed();
}

function countRefused(metrics: JobMetrics, outcome: SettleOutcome): void {
  if (outcome.kind === 'refused') metrics.refused(outcome.status);
  if (outcome.kind === 'not_found') metrics.refused('not_found');
}

/** A result that is told again was counted the first time. */
function isNew(outcome: SettleOutcome | undefined): boolean {
  return outcome?.kind === 'settled' && !outcome.repeated;
}

/** @throws MillraceError `stale_token` or `not_found` */
export function settledReply(id: string, outcome: SettleOutcome | undefined): Reply {
  if (outcome?.kind === 'refused') throw staleToken(id, outcome.status);
  if (outcome?.kind !== 'settled') throw jobNotFound(id);
  return { status: 200, body: jsonObject({ id, status: outcome.status }) };
}

/** Settles each job of a batch once, and answers for each. */
export async function settleEach<T extends AttemptResult>(
  results: readonly T[],
  settle: (results: readonly T[]) => Promise<SettleOutcome[]>,
): Promise<Reply> {
  const outcomes = await onceEach(results, ({ id, token }) => `${id} ${token}`, settle);
  const texts = outcomes.map(([{ id }, outcome]) => {
    if (!outcome || outcome.kind === 'not_found') return jsonObject({ id, outcome: 'not_found' });
    return jsonObject({ id, outcome: outcome.kind, status: outcome.status });
  });
  return { status: 200, body: `{"results":${jsonArray(texts)}}` };
}
