import type { CommitUnit } from '../engine/commit.ts';
import type { EngineDeps } from '../engine/deps.ts';
import { failureUnit } from '../engine/failure.ts';
import type { RefusedJob } from './published.ts';

/**
 * Ends the jobs whose message the broker will never take: nobody could ever run them. A job that is no longer queued has
 * moved on by itself and is left alone, which makes saying it twice harmless.
 */
export async function refuseJobs(deps: EngineDeps, refused: readonly RefusedJob[]): Promise<void> {
  if (refused.length === 0) return;
  const byJob = new Map(refused.map((job) => [job.jobId, job]));
  const loaded = await deps.store.load([...byJob.keys()]);
  const units: CommitUnit[] = [];
  for (const entry of loaded) {
    const { job } = entry;
    const refusal = byJob.get(job.id);
    if (!refusal || job.status !== 'queued') continue;
    const unit = await failureUnit(deps, entry, {
      error: `The broker refused the dispatch: ${refusal.reason}`,
      retryable: false,
      actor: 'relay',
    });
    const detail = { topic: refusal.topic, reason: refusal.reason };
    const audit = { action: 'DISPATCH_REFUSED', actor: 'relay', jobId: job.id, detail } as const;
    units.push({ ...unit, audit: [audit, ...unit.audit] });
  }
  await deps.store.commit({ units });
}
