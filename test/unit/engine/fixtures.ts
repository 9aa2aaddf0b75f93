import { randomUUID } from 'node:crypto';
import { MemoryRecordStore } from '../../../adapters/memory/record-store.ts';
import { createEngineDeps } from '../../../adapters/system/engine-deps.ts';
import { startWorkflow } from '../../../engine/commands/start-workflow.ts';
import type { DispatchMode, EngineDeps } from '../../../engine/deps.ts';
import type { JobRecord } from '../../../engine/job.ts';
import type { InlineStep } from '../../../engine/workflow/inline-definition.ts';
import type { JobId } from '../../../events/ids.ts';

/** The engine over a store in memory, with a clock that the test sets and no jitter. */
export function createEngine(mode: DispatchMode = 'kafka_outbox') {
  let now = Date.UTC(2026, 0, 1);
  const clock = { now: () => new Date(now), sleep: () => Promise.resolve() };
  const store = new MemoryRecordStore(clock);
  const deps: EngineDeps = { ...createEngineDeps(store, mode), clock, random: () => 0.5 };
  const advance = (milliseconds: number) => {
    now += milliseconds;
  };
  return { deps, store, advance };
}

/** Claims a job and gives the proof of its lease. */
export async function claim({ deps }: { deps: EngineDeps }, id: JobId, leaseMs = 60_000) {
  const [outcome] = await deps.store.claim({ ids: [id], claimId: randomUUID(), workerId: 'w', leaseMs });
  if (outcome?.kind !== 'claimed' || outcome.job.token === null) {
    throw new Error(`claim: ${JSON.stringify(outcome)}`);
  }
  return { id, token: outcome.job.token };
}

export async function jobOf({ deps }: { deps: EngineDeps }, id: JobId): Promise<JobRecord> {
  const [job] = await deps.store.getJobs([id]);
  if (!job) throw new Error(`job ${id} is not in the store`);
  return job;
}

/** Starts a workflow of these steps. */
export async function started(deps: EngineDeps, steps: readonly [InlineStep, ...InlineStep[]]) {
  const outcome = await startWorkflow(deps, { name: 'w', steps });
  if (outcome.kind !== 'started') throw new Error(`start: ${JSON.stringify(outcome)}`);
  const [firstJob] = outcome.instance.jobs;
  if (!firstJob) throw new Error('The workflow began without a job.');
  return { ...outcome.instance, firstJob };
}
