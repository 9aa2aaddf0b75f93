import type { JobId } from '../../events/ids.ts';
import type { CommitUnit } from '../commit.ts';
import type { EngineDeps } from '../deps.ts';
import { failureUnit } from '../failure.ts';
import type { JobRecord } from '../job.ts';
import type { LoadedJob } from '../ports/record-store.ts';
import { inTurn } from '../turns.ts';
import { completeJobs, completionUnit } from './complete-jobs.ts';
import { failJobs } from './fail-jobs.ts';
import { contention, type JobUnit, MAX_ROUNDS, type SettleOutcome } from './settle.ts';

/** What a worker tells whose protocol has no tokens: its name is all the proof there is. */
export interface WorkerResult {
  readonly id: JobId;
  readonly workerId: string;
  readonly end: /** `result` is JSON text. */
    | { readonly kind: 'completed'; readonly result: string }
    | { readonly kind: 'failed'; readonly error: string; readonly retryable: boolean };
}

/**
 * Settles a job for a worker without a token. One that the worker has polled is settled under its lease. One that came to the
 * worker through a broker, which nobody claims in such a protocol, is claimed and settled in one statement. Whoever lost his
 * lease is refused, as with a token.
 */
export async function settleAsWorker(deps: EngineDeps, result: WorkerResult): Promise<SettleOutcome> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs *= 2) {
    const { outcome, early } = await settleNow(deps, result);
    if (!early || waitMs > LAST_WAIT_MS) {
      await recordLate(deps, result, outcome);
      return outcome;
    }
    await deps.clock.sleep(waitMs);
  }
}

/** What came of a broker's message may be of a job that is purged: there, that is worth a trace too. */
async function recordLate(deps: EngineDeps, result: WorkerResult, outcome: SettleOutcome): Promise<void> {
  if (outcome.kind === 'settled' || (outcome.kind === 'not_found' && deps.mode === 'polling')) return;
  const { id, workerId, end } = result;
  const status = outcome.kind === 'refused' ? outcome.status : 'not_found';
  const detail = { status, worker: workerId, told: end.kind };
  await deps.store.audit([{ action: 'LATE_RESULT_REFUSED', actor: 'engine', jobId: id, detail }]);
}

/** Two seconds in all. */
const FIRST_WAIT_MS = 8;
const LAST_WAIT_MS = 1024;

interface Settling {
  readonly outcome: SettleOutcome;
  /**
   * A relay reads commits from the log, so that a message can be handled before other sessions see the job that it is about, or
   * see it queued again: a worker that claims asks once more, and for one that does not it is done here.
   */
  readonly early: boolean;
}

async function settleNow(deps: EngineDeps, result: WorkerResult): Promise<Settling> {
  let contested: string | undefined;
  const byBroker = deps.mode === 'kafka_outbox';
  const attempt = async (): Promise<Settling | undefined> => {
    const [loaded] = await deps.store.load([result.id]);
    if (!loaded) return { outcome: { kind: 'not_found' }, early: byBroker };
    contested = loaded.job.instanceId ?? loaded.job.id;
    const outcome = await trySettle(deps, loaded, result);
    return outcome && { outcome, early: byBroker && mayBeEarly(deps, loaded.job, result) };
  };
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    // A queue of its own: the commands called here take turns by the plain id.
    const settled = await (contested ? inTurn(deps.store, `settle ${contested}`, attempt) : attempt());
    if (settled) return settled;
  }
  throw contention();
}

/**
 * While a retry is not due, its message cannot have been written: who fails then has run a copy of the message before it, and
 * must not spend the retry.
 */
function mayBeEarly({ clock }: EngineDeps, { status, runAt }: JobRecord, { end }: WorkerResult): boolean {
  if (status === 'pending') return true;
  if (status !== 'retrying') return false;
  return end.kind === 'completed' || runAt.getTime() - clock.now().getTime() < CLOCKS_DIFFER_BY_MS;
}

const CLOCKS_DIFFER_BY_MS = 250;

/** @returns undefined when it lost to another change */
async function trySettle(
  deps: EngineDeps,
  loaded: LoadedJob,
  result: WorkerResult,
): Promise<SettleOutcome | undefined> {
  const { job } = loaded;
  if (job.status === 'running' && job.workerId === result.workerId) return underLease(deps, job, result);
  if (job.status === 'queued' && cameByBroker(deps, job)) return unclaimed(deps, loaded, result);
  if (isTold(job, result)) return { kind: 'settled', status: job.status, repeated: true };
  return { kind: 'refused', status: job.status };
}

async function underLease(
  deps: EngineDeps,
  { id, token }: JobRecord,
  { end }: WorkerResult,
): Promise<SettleOutcome | undefined> {
  if (token === null) return undefined;
  const [outcome] =
    end.kind === 'completed'
      ? await completeJobs(deps, [{ id, token, result: end.result }])
      : await failJobs(deps, [{ id, token, error: end.error, retryable: end.retryable }]);
  return outcome;
}

/** Where workers poll, a job that is queued is one that nobody has. */
function cameByBroker({ mode }: EngineDeps, { dispatches }: JobRecord): boolean {
  return mode === 'kafka_outbox' && dispatches > 0;
}

async function unclaimed(
  deps: EngineDeps,
  loaded: LoadedJob,
  { workerId, end }: WorkerResult,
): Promise<SettleOutcome | undefined> {
  const { job, instance } = loaded;
  const asClaimed: LoadedJob = { job: { ...job, status: 'running', attempt: job.attempt + 1 }, instance };
  const unit =
    end.kind === 'completed'
      ? await completionUnit(deps, asClaimed, end)
      : await failureUnit(deps, asClaimed, end);
  const [outcome] = await deps.store.commit({ units: [withClaim(unit, { job, workerId })] });
  return outcome === 'applied' ? { kind: 'settled', status: unit.job.status } : undefined;
}

function withClaim(
  unit: JobUnit,
  { job, workerId }: { readonly job: JobRecord; readonly workerId: string },
): CommitUnit {
  const expect = { status: 'queued', attempt: job.attempt } as const;
  return { ...unit, job: { ...unit.job, expect, claimedBy: workerId } };
}

/** A result that comes again, or for a job that has been taken back, changes nothing; nobody is told off for it. */
function isTold({ status }: JobRecord, { end }: WorkerResult): boolean {
  if (status === 'completed' || status === 'cancelled') return true;
  return end.kind === 'failed' && (status === 'dead_letter' || status === 'retrying');
}
