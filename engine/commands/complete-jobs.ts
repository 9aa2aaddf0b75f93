import type { AuditEntry, CommitUnit, NewJob } from '../commit.ts';
import { type EngineDeps, limits } from '../deps.ts';
import { MillraceError } from '../errors.ts';
import { failedInstanceUnit } from '../failure.ts';
import { newJob } from '../new-job.ts';
import type { CompleteOutcome, Completion, LoadedJob } from '../ports/record-store.ts';
import { decideStepCompleted, type InstanceDecision } from '../workflow.ts';
import { recordRefused, type SettleOutcome, settle } from './settle.ts';

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
  const stepOutcomes = await settle(
    deps,
    steps.map(([, completion]) => completion),
    {
      decide: (loaded, completion) => stepUnit(deps, loaded, completion),
      isRepeat: (status) => status === 'completed',
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

function stepUnit(deps: EngineDeps, loaded: LoadedJob, completion: Completion): CommitUnit {
  const { job, instance } = loaded;
  const expect = { status: job.status, attempt: job.attempt, token: completion.token };
  const completed = { id: job.id, expect, status: 'completed', result: completion.result } as const;
  if (!instance) return { job: completed, enqueue: [], audit: [] };

  const decision = decideStepCompleted(instance, job.stepIndex ?? 0, completion.result);
  if (decision.kind === 'ignored') return { job: completed, enqueue: [], audit: [] };
  if (decision.kind === 'next' && Buffer.byteLength(decision.payload) > limits.payloadBytes) {
    const reason =
      `The payload of step "${decision.step.name}" with the outputs of the earlier steps would be larger than ` +
      `${limits.payloadBytes / 1024} KB. Return less: put large data elsewhere and return where it is.`;
    return failedInstanceUnit(instance, { job: completed, reason, output: completion.result });
  }
  const ended: AuditEntry = { action: 'WORKFLOW_COMPLETED', actor: 'engine', instanceId: instance.id };
  return {
    job: completed,
    instance: {
      id: instance.id,
      expectedVersion: instance.version,
      status: decision.kind === 'next' ? 'running' : 'completed',
      currentStep: instance.currentStep + 1,
      output: completion.result,
    },
    enqueue: decision.kind === 'next' ? [nextStepJob(deps, loaded, decision)] : [],
    audit: decision.kind === 'completed' ? [ended] : [],
  };
}

function nextStepJob(
  deps: EngineDeps,
  { job }: LoadedJob,
  decision: Extract<InstanceDecision, { kind: 'next' }>,
): NewJob {
  if (!job.instanceId) throw new MillraceError('internal', `Job ${job.id} is a step without an instance.`);
  return newJob(deps, {
    type: decision.step.type,
    payload: decision.payload,
    maxRetries: decision.step.max_retries,
    retry: decision.step.retry,
    priority: job.priority,
    traceparent: job.traceparent ?? undefined,
    step: { instanceId: job.instanceId, index: decision.stepIndex },
  });
}
