import type { CommitUnit } from '../commit.ts';
import type { EngineDeps } from '../deps.ts';
import { failureUnit } from '../failure.ts';

/** Takes back jobs whose worker let the lease run out: a failed attempt like any other. @returns how many */
export async function reclaimStaleJobs(deps: EngineDeps, limit: number): Promise<number> {
  const expired = await deps.store.expiredLeases(limit);
  const units: CommitUnit[] = [];
  for (const loaded of expired) {
    const unit = await failureUnit(deps, loaded, {
      error: `The lease of worker ${loaded.job.workerId ?? 'unknown'} ran out without a result.`,
      retryable: true,
      leaseExpired: true,
      actor: 'reclaimer',
    });
    const entry = { action: 'LEASE_EXPIRED', actor: 'reclaimer', jobId: loaded.job.id } as const;
    units.push({ ...unit, audit: [entry, ...unit.audit] });
  }
  await deps.store.commit({ units });
  return expired.length;
}
