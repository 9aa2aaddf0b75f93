import type { EngineDeps } from '../deps.ts';
import type { CompleteOutcome, Completion, LoadedJob } from '../ports/record-store.ts';
import { instanceUnit } from './instance-unit.ts';
import { type JobUnit, recordRefused, type SettleOutcome, settle } from './settle.ts';

/**
 * Records results. A result counts only with the token of the current attempt; repeating it gives the same answer; any
 * other is refused and recorded. The next step of a workflow is written in the same transaction as the result.
 */
export async function completeJobs(
  deps: EngineDeps,
  completions: readonly Completion[],
): Promise<SettleOutcome[]> {
  const outcomes = await deps.store.complete(completions);
  const settled = outcomes.map(toSettled);
  const steps = [...completions.entries()].filter(([index]) => outcomes[index]?.kind === 'step');
  const loaded = outcomes.flatMap((outcome) => (outcome.kind === 'step' ? [outcome.loaded] : []));
  const stepOutcomes = await settle(
    deps,
    steps.map(([, completion]) => completion),
    {
      decide: (loaded, completion) => completionUnit(deps, loaded, completion),
      isRepeat: (status) => status === 'completed',
      loaded,
    },
  );
  for (const [position, [index]] of steps.entries()) {
    settled[index] = stepOutcomes[position] ?? { kind: 'not_found' };
  }
  await recordRefused(deps, completions, settled);
  return settled;
}

function toSettled(outcome: CompleteOutcome): SettleOutcome {
  switch (outcome.kind) {
    case 'completed':
      return { kind: 'settled', status: 'completed', ...(outcome.repeated ? { repeated: true } : {}) };
    case 'refused':
      return { kind: 'refused', status: outcome.status };
    case 'step':
    case 'not_found':
      return { kind: 'not_found' };
    default:
      return outcome satisfies never;
  }
}

/** What the result of the attempt under way leads to. */
export async function completionUnit(
  deps: EngineDeps,
  loaded: LoadedJob,
  completion: Pick<Completion, 'result'> & Partial<Completion>,
): Promise<JobUnit> {
  const { job, instance } = loaded;
  const { token } = completion;
  const expect = { status: job.status, attempt: job.attempt, ...(token === undefined ? {} : { token }) };
  const completed = { id: job.id, expect, status: 'completed', result: completion.result } as const;
  const alone: JobUnit = { job: completed, enqueue: [], audit: [] };
  if (!instance) return alone;
  const decided = await instanceUnit(deps, instance, {
    actor: 'engine',
    traceparent: job.traceparent ?? undefined,
    event: { kind: 'jobCompleted', activation: job.stepIndex ?? 0, result: completion.result },
  });
  return decided.kind === 'changed' ? { ...decided.unit, job: completed } : alone;
}
