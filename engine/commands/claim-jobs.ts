import type { EngineDeps } from '../deps.ts';
import type { ClaimOutcome, ClaimRequest, HeartbeatOutcome, LeaseProof } from '../ports/record-store.ts';

/** Takes the lease of each job that is queued. */
export function claimJobs(deps: EngineDeps, request: ClaimRequest): Promise<ClaimOutcome[]> {
  return deps.store.claim(request);
}

/** Extends leases; a lease that is lost means that the handler must stop. */
export function heartbeat(
  deps: EngineDeps,
  leases: readonly LeaseProof[],
  leaseMs: number,
): Promise<HeartbeatOutcome[]> {
  return deps.store.heartbeat(leases, leaseMs);
}
