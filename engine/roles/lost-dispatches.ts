import type { EngineDeps } from '../deps.ts';
import type { JobRecord } from '../job.ts';
import { nextDispatch } from '../new-job.ts';
import type { BacklogAges } from '../ports/record-store.ts';

/**
 * Dispatches queued jobs again that nobody claimed for a while: their message may have been lost with a topic or a slot.
 * A copy too many costs a worker that claims next to nothing, but one that does not claim runs it, and its failure is an
 * attempt: what still waits for its workers in the broker is not lost. @returns how many
 */
export async function redispatchLostJobs(
  deps: EngineDeps,
  { olderThanMs, limit, backlogsMs }: LostJobs,
): Promise<number> {
  if (deps.mode !== 'kafka_outbox') return 0;
  return dispatch(deps, await deps.store.unclaimedJobs(olderThanMs, limit, backlogsMs));
}

interface LostJobs {
  readonly olderThanMs: number;
  readonly limit: number;
  readonly backlogsMs?: BacklogAges | undefined;
}

const BATCH = 1_000;

/**
 * Dispatches every job again that is queued now and that nobody has claimed: for when messages are known to be lost.
 * @returns how many
 */
export async function redispatchAllUnclaimed(deps: EngineDeps, signal: AbortSignal): Promise<number> {
  const began = deps.clock.now().getTime();
  let total = 0;
  while (!signal.aborted) {
    // Those that were dispatched here are younger.
    const olderThanMs = deps.clock.now().getTime() - began;
    const count = await redispatchLostJobs(deps, { olderThanMs, limit: BATCH });
    total += count;
    if (count < BATCH) break;
  }
  return total;
}

/**
 * Dispatches queued jobs without a message: they were queued, or queued again for a retry, before WE_DISPATCH_MODE was changed
 * from polling, by a process that has not been changed yet, or during a fallback. @returns how many
 */
export async function dispatchPolledJobs(deps: EngineDeps, limit: number): Promise<number> {
  if (deps.mode !== 'kafka_outbox') return 0;
  return dispatch(deps, await deps.store.undispatchedJobs(limit));
}

async function dispatch(deps: EngineDeps, jobs: readonly JobRecord[]): Promise<number> {
  await deps.store.commit({
    units: jobs.map((job) => ({
      job: {
        id: job.id,
        expect: { status: 'queued', attempt: job.attempt },
        status: 'queued',
        dispatch: nextDispatch(job),
      },
      enqueue: [],
      audit: [
        { action: 'REDISPATCHED', actor: 'sweeper', jobId: job.id, detail: { dispatch: job.dispatches + 1 } },
      ],
    })),
  });
  return jobs.length;
}
