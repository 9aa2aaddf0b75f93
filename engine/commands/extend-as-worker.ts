import type { JobId } from '../../events/ids.ts';
import type { EngineDeps } from '../deps.ts';
import type { HeartbeatOutcome } from '../ports/record-store.ts';

/** What a worker asks for whose protocol has no tokens: see `settleAsWorker`. */
export interface WorkerLease {
  readonly id: JobId;
  readonly workerId: string;
  readonly leaseMs: number;
}

/** Extends the lease that the worker has under its name. A job that came through a broker has none. */
export async function extendAsWorker(
  { store }: EngineDeps,
  { id, workerId, leaseMs }: WorkerLease,
): Promise<HeartbeatOutcome> {
  const [job] = await store.getJobs([id]);
  if (!job) return { kind: 'not_found' };
  const { status, token } = job;
  if (status !== 'running' || token === null || job.workerId !== workerId) return { kind: 'lost', status };
  const [outcome = { kind: 'not_found' }] = await store.heartbeat([{ id, token }], leaseMs);
  return outcome;
}
