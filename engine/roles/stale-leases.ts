import type { CommitUnit } from '../commit.ts';
import type { EngineDeps } from '../deps.ts';
import { failureUnit } from '../failure.ts';
import type { JobRecord } from '../job.ts';

const LEASE_OF = 'The lease of worker';

/** Takes back jobs whose worker let the lease run out: a failed attempt like any other. @returns how many */
export async function reclaimStaleJobs(deps: EngineDeps, limit: number): Promise<number> {
  const expired = await deps.store.expiredLeases(limit);
  const units: CommitUnit[] = [];
  for (const loaded of expired) {
    const unit = await failureUnit(deps, loaded, {
      error: `${LEASE_OF} ${loaded.job.workerId ?? 'unknown'} ran out without a result.`,
      retryable: true,
      leaseExpired: true,
      ...lenience(loaded.job),
      actor: 'reclaimer',
    });
    const entry = { action: 'LEASE_EXPIRED', actor: 'reclaimer', jobId: loaded.job.id } as const;
    units.push({ ...unit, audit: [entry, ...unit.audit] });
  }
  await deps.store.commit({ units });
  return expired.length;
}

/** A job that takes its workers down with it must not do so for ever. */
const MAX_LOST = 10;

/** What cannot be extended is lost by a worker that is slow or gone, neither of which says anything about the job. */
function lenience({ lenientLease, pastAttempts }: JobRecord) {
  if (!lenientLease) return {};
  const lost = pastAttempts.filter(({ error }) => error.startsWith(LEASE_OF)).length;
  return lost < MAX_LOST ? { lost: true, retryAfterMs: 0 } : {};
}
