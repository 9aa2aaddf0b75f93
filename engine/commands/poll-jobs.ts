import type { StepId } from '../../events/ids.ts';
import { jobTopic } from '../../events/topics.ts';
import type { EngineDeps } from '../deps.ts';
import { MillraceError } from '../errors.ts';
import type { JobRecord } from '../job.ts';
import type { Arrivals } from '../ports/arrivals.ts';
import type { PollRequest } from '../ports/record-store.ts';

export interface PollCaller {
  /** Aborts when nobody waits for the answer any more: what is taken then would run only once its lease has run out. */
  readonly gone: AbortSignal;
  readonly wait?: { readonly arrivals: Arrivals; readonly ms: number } | undefined;
}

export interface Polled {
  readonly jobs: readonly JobRecord[];
  /** What taking them took in the store, in milliseconds; the wait for them is not in it. */
  readonly claimMs: number;
}

/** While waiting, how long until looking without news, in milliseconds: news can be lost with a connection. */
const NET_MS = 1_000;

/**
 * Takes queued jobs for a worker; waits for some if there are none.
 * @throws MillraceError `poll_disabled` when jobs reach workers through Kafka, unless that is held up
 */
export async function pollJobs(deps: EngineDeps, request: PollRequest, caller: PollCaller): Promise<Polled> {
  if (!(await mayPoll(deps, request))) throw pollDisabled(request.types);
  const { gone, wait } = caller;
  if (!wait || wait.ms === 0) return gone.aborted ? NOTHING : takeFor(gone, deps, request);
  const until = deps.clock.now().getTime() + wait.ms;
  const signal = AbortSignal.any([gone, wait.arrivals.closing]);
  while (!signal.aborted) {
    const mark = wait.arrivals.mark();
    const polled = await takeFor(gone, deps, request);
    const left = until - deps.clock.now().getTime();
    if (polled.jobs.length > 0 || left <= 0) return polled;
    await wait.arrivals.after(mark, { types: request.types, ms: Math.min(left, NET_MS), signal });
  }
  return NOTHING;
}

const NOTHING: Polled = { jobs: [], claimMs: 0 };

/**
 * A caller may go while the claim is on its way: then the jobs go back, with their attempt unspent. Not those that are given
 * again: who asks so has them.
 */
async function takeFor(gone: AbortSignal, deps: EngineDeps, request: PollRequest): Promise<Polled> {
  const polled = await pollOnce(deps, request);
  if (!gone.aborted || request.again) return polled;
  if (polled.jobs.length > 0) await deps.store.giveBack(polled.jobs);
  return NOTHING;
}

/** An answer that was lost is given again whatever has changed since: its jobs are the worker's. */
async function mayPoll({ mode, store }: EngineDeps, { again }: PollRequest): Promise<boolean> {
  return mode === 'polling' || again || (await store.dispatchFallback());
}

async function pollOnce({ store, clock }: EngineDeps, request: PollRequest): Promise<Polled> {
  const start = clock.now().getTime();
  const jobs = await store.poll(request);
  return { jobs, claimMs: clock.now().getTime() - start };
}

function pollDisabled(types: readonly StepId[]): MillraceError {
  const topics = types.map(jobTopic);
  return new MillraceError(
    'poll_disabled',
    `Jobs are not handed out here: with WE_DISPATCH_MODE=kafka_outbox they go to the topics ${topics.join(', ')}. ` +
      'Consume these (millrace worker --source kafka), or set WE_DISPATCH_MODE=polling for the API.',
    { detail: { topics } },
  );
}
