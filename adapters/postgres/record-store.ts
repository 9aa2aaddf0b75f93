import type { Pool } from 'pg';
import type { AuditEntry, Commit, NewInstance, NewJob } from '../../engine/commit.ts';
import { MillraceError } from '../../engine/errors.ts';
import { isJobStatus, type JobStatus } from '../../engine/job.ts';
import type {
  ClaimOutcome,
  ClaimRequest,
  CommitOutcome,
  CompleteOutcome,
  Completion,
  EnqueueOutcome,
  HeartbeatOutcome,
  LeaseProof,
  LoadedJob,
  Purged,
  PurgeRange,
  RecordStore,
} from '../../engine/ports/record-store.ts';
import type { JobId, StepId } from '../../events/ids.ts';
import { admitJobs } from './admission.ts';
import { codeOf, translate } from './errors.ts';
import { toInstance } from './instance-rows.ts';
import { packer } from './packer.ts';
import { toJob } from './rows.ts';
import { createPostgresScheduleStore } from './schedule-store.ts';
import { type ClaimRow, claimJobs } from './sql/claim.ts';
import { applyUnits } from './sql/commit.ts';
import { type CompleteRow, completeJobs } from './sql/complete.ts';
import type { Database } from './sql/database.ts';
import { selectDeadLetterIds, selectDeadLetters } from './sql/dead-letters.ts';
import { insertJobs } from './sql/enqueue.ts';
import { extendLeases } from './sql/heartbeat.ts';
import { purgeStarts, selectNextAdmission } from './sql/limits.ts';
import { pollJobs, selectPolled } from './sql/poll.ts';
import { selectStanding } from './sql/proofs.ts';
import * as purge from './sql/purge.ts';
import * as read from './sql/read.ts';
import { startInstances } from './sql/start-instances.ts';
import { selectFallback } from './sql/wal-guard.ts';
import { insertAudit, insertTypes, insertUndecodable, selectPolicies, selectTypes } from './sql/write.ts';
import { inTransaction } from './transaction.ts';
import { Turns } from './turns.ts';
import { enqueueUnique } from './unique-jobs.ts';
import { workflowStore } from './workflow-store.ts';

/** The store on PostgreSQL 15 or newer. The pool's connections must go to the primary. */
export function createPostgresRecordStore(pool: Pool, options: { prepare?: boolean } = {}): RecordStore {
  const prepare = options.prepare ?? false;
  const db = retrying(pool, prepare);
  const packed = packer(db);
  const turns = new Turns();
  return {
    ...workflowStore(db),
    schedules: createPostgresScheduleStore({ pool, db, packed }),
    registerTypes: (types, policies) => insertTypes(db, types, policies),
    listPolicies: () => selectPolicies(db),
    listTypes: async () => (await selectTypes(db)) as StepId[],
    enqueue: (jobs, options) => {
      const [first] = jobs;
      const allOrNone = options?.allOrNone && mayConflict(jobs);
      const write = () => packed((shards) => enqueueAny({ pool, db, shards }, jobs, allOrNone));
      const { type, unique } = first ?? {};
      return unique && jobs.length === 1 ? turns.take(`${type} ${unique.key}`, write) : write();
    },
    start: (instances: readonly NewInstance[]) => packed((shards) => start(db, instances, shards)),
    claim: async (request: ClaimRequest) => (await claimJobs(db, request)).map(toClaimOutcome),
    poll: async (request) =>
      (await (request.again ? selectPolled(db, request) : pollJobs(db, request))).map(toJob),
    heartbeat: (leases, leaseMs) => heartbeat(db, leases, leaseMs),
    complete: (completions) => complete(db, completions),
    commit: (commit) => packed((shards) => commitUnits(db, commit, shards)),
    audit: (entries: readonly AuditEntry[]) => insertAudit(db, entries),
    recordUndecodable: (records) => insertUndecodable(db, records),
    getJobs: async (ids: readonly JobId[]) => (await read.selectJobs(db, ids)).map(toJob),
    load: async (ids: readonly JobId[]) => (await read.loadJobs(db, ids)).map(toLoaded),
    listJobs: async (filter) => (await read.selectJobPage(db, filter)).map(toJob),
    listAudit: (subject) => read.selectAudit(db, subject),
    counts: async () => {
      const row = await read.countJobs(db);
      return {
        queueDepth: Number(row?.queued ?? 0),
        running: Number(row?.running ?? 0),
        deadLetterDepth: Number(row?.dead_letter ?? 0),
      };
    },
    dueJobs: async (limit) => (await read.selectDueJobs(db, limit)).map(toJob),
    expiredLeases: async (limit) => (await read.loadExpiredLeases(db, limit)).map(toLoaded),
    dispatchFallback: () => selectFallback(db),
    undispatchedJobs: async (limit) => (await read.selectUndispatchedJobs(db, limit)).map(toJob),
    unclaimedJobs: async (olderThanMs, limit) =>
      (await read.selectUnclaimedJobs(db, olderThanMs, limit)).map(toJob),
    admit: (limit, decide) => packed((shards) => admitJobs(pool, { limit, shards }, decide)),
    nextAdmissionMs: async () => (await selectNextAdmission(db)) ?? undefined,
    nextDueMs: async () => (await read.selectNextDue(db)) ?? undefined,
    listDeadLetters: async (filter, page) => (await selectDeadLetters(db, filter, page)).map(toJob),
    deadLetterIds: (filter, page) => selectDeadLetterIds(db, filter, page),
    purgeJobs: async (ages, range) => toPurged(await purge.purgeJobs(db, ages, range), range),
    purgeInstances: async (ages, range) => toPurged(await purge.purgeInstances(db, ages, range), range),
    purgeTrail: async (olderThanMs, limit) =>
      (await purge.purgeAudit(db, olderThanMs, limit)) +
      (await purge.purgeUndecodable(db, olderThanMs, limit)) +
      (await purgeStarts(db, limit)),
  };
}

interface Where {
  readonly pool: Pool;
  readonly db: Database;
  readonly shards: number;
}

/** A definition that came with earlier instances may be purged with the last of them at this very moment: then it is written anew. */
async function start(db: Database, instances: readonly NewInstance[], shards: number): Promise<void> {
  try {
    await startInstances(db, instances, shards);
  } catch (error) {
    if (codeOf(error) !== '23503') throw error;
    await startInstances(db, instances, shards);
  }
}

function enqueueAny(
  { pool, db, shards }: Where,
  jobs: readonly NewJob[],
  allOrNone: boolean | undefined,
): Promise<EnqueueOutcome[]> {
  if (allOrNone) return enqueueAllOrNone(pool, jobs, shards);
  const isTogether = jobs.some(({ unique }) => unique);
  return isTogether ? enqueueTogether(pool, jobs, shards) : enqueue(db, jobs, shards);
}

async function enqueue(db: Database, jobs: readonly NewJob[], shards: number): Promise<EnqueueOutcome[]> {
  const created = await insertJobs(db, jobs, shards);
  if (created.every(Boolean)) return created.map(() => ({ kind: 'created' }));
  return resolveKeys(db, jobs, { created, shards });
}

/** What became of the jobs whose idempotency key was taken. Its own statement: only that sees a concurrent winner's row. */
async function resolveKeys(
  db: Database,
  jobs: readonly NewJob[],
  { created, shards }: { created: readonly boolean[]; shards: number },
): Promise<EnqueueOutcome[]> {
  const keys = jobs.flatMap((job, index) =>
    created[index] || !job.idempotencyKey ? [] : [job.idempotencyKey],
  );
  const first = await read.selectByIdempotencyKey(db, keys);
  const keyless = jobs.find((job, index) => !created[index] && job.idempotencyKey === undefined);
  if (keyless)
    throw new MillraceError('internal', `There is a job ${keyless.id} already: its id was given twice.`);
  const freed = jobs.filter((job, index) => !created[index] && !first.has(job.idempotencyKey ?? null));
  // The job under the key was removed at this moment. An error would be told to neighbours that were written.
  const later = freed.length > 0 ? await enqueue(db, freed, shards) : [];
  return jobs.map((job, index): EnqueueOutcome => {
    if (created[index]) return { kind: 'created' };
    const row = first.get(job.idempotencyKey ?? null);
    if (!row) return later[freed.indexOf(job)] ?? { kind: 'not_written' };
    const same = job.requestHash !== undefined && row.request_hash.equals(job.requestHash);
    return same ? { kind: 'replayed', job: toJob(row) } : { kind: 'conflict', jobId: row.id as JobId };
  });
}

/** Only a taken key can keep a job from being written, so without keys the one statement is all or none by itself. */
function mayConflict(jobs: readonly NewJob[]): boolean {
  return jobs.some(({ idempotencyKey }) => idempotencyKey);
}

function enqueueAllOrNone(pool: Pool, jobs: readonly NewJob[], shards: number): Promise<EnqueueOutcome[]> {
  return inTransaction(pool, async (db) => {
    const outcomes = await enqueueEach(db, jobs, shards);
    const conflict = outcomes.some(({ kind }) => kind === 'conflict');
    const value = conflict ? outcomes.map(withdrawn) : outcomes;
    return { commit: !conflict, value };
  });
}

/** A unique key takes several statements, so they are one transaction with the rest of the call. */
function enqueueTogether(pool: Pool, jobs: readonly NewJob[], shards: number): Promise<EnqueueOutcome[]> {
  return inTransaction(pool, async (db) => ({ commit: true, value: await enqueueEach(db, jobs, shards) }));
}

async function enqueueEach(db: Database, jobs: readonly NewJob[], shards: number): Promise<EnqueueOutcome[]> {
  const outcomes = new Map<NewJob, EnqueueOutcome>();
  const rest = jobs.filter(({ unique }) => !unique);
  const written = rest.length > 0 ? await enqueue(db, rest, shards) : [];
  written.forEach((outcome, index) => {
    const job = rest[index];
    if (job) outcomes.set(job, outcome);
  });
  // In the order of their keys, so that two calls with the same ones do not wait for each other.
  const unique = jobs.flatMap((job) => (job.unique ? [{ job, rule: job.unique }] : []));
  const place = ({ job, rule }: (typeof unique)[number]) => `${job.type} ${rule.key}`;
  unique.sort((a, b) => Number(place(a) > place(b)) - Number(place(a) < place(b)));
  for (const { job, rule } of unique) outcomes.set(job, await enqueueUnique(db, { job, rule, shards }));
  return jobs.map((job) => outcomes.get(job) ?? { kind: 'not_written' });
}

function withdrawn(outcome: EnqueueOutcome): EnqueueOutcome {
  return outcome.kind === 'created' || outcome.kind === 'joined' ? { kind: 'not_written' } : outcome;
}

async function complete(db: Database, completions: readonly Completion[]): Promise<CompleteOutcome[]> {
  const rest = await completeJobs(db, completions);
  const raced = [...rest.values()].some(
    (row) => row.id === null && row.current_status === 'running' && row.holds_token,
  );
  // Another request with the same token finished the job while this statement waited for its row: look again.
  const left = raced ? await completeJobs(db, completions) : rest;
  return completions.map((_, index) => {
    const row = left.get(index);
    if (row) return toCompleteOutcome(row);
    return { kind: 'completed' };
  });
}

async function heartbeat(
  db: Database,
  leases: readonly LeaseProof[],
  leaseMs: number,
): Promise<HeartbeatOutcome[]> {
  const extended = await extendLeases(db, leases, leaseMs);
  const rest = leases.filter((_, index) => !extended.has(index));
  const standing = (rest.length > 0 ? await selectStanding(db, rest) : []).values();
  return leases.map((_, index): HeartbeatOutcome => {
    const leaseUntil = extended.get(index);
    if (leaseUntil) return { kind: 'extended', leaseUntil };
    const { status } = standing.next().value ?? { status: null };
    return status === null ? { kind: 'not_found' } : { kind: 'lost', status: statusOf(status) };
  });
}

async function commitUnits(db: Database, { units }: Commit, shards: number): Promise<CommitOutcome[]> {
  if (units.length === 0) return [];
  const applied = await applyUnits(db, units, shards);
  return units.map((_, index) => (applied.has(index) ? 'applied' : 'conflict'));
}

function toLoaded(row: read.LoadedRow): LoadedJob {
  return { job: toJob(row), instance: row.instance_key === null ? undefined : toInstance(row) };
}

function toClaimOutcome(row: ClaimRow): ClaimOutcome {
  if (row.claimed) return { kind: 'claimed', job: toJob(row) };
  if (row.current_status === null) return { kind: 'not_found' };
  return { kind: 'not_claimable', status: statusOf(row.current_status), attempt: row.current_attempt };
}

function toCompleteOutcome(row: CompleteRow): CompleteOutcome {
  const { current_status: status } = row;
  if (status === null) return { kind: 'not_found' };
  if (status === 'completed' && row.holds_token) return { kind: 'completed', repeated: true };
  if (row.id !== null) return { kind: 'step', loaded: toLoaded(row) };
  return { kind: 'refused', status: statusOf(status) };
}

function toPurged({ removed, seen, last }: purge.PurgeRow, { limit }: PurgeRange): Purged {
  return { removed, next: seen < limit ? undefined : (last ?? undefined) };
}

function statusOf(text: string): JobStatus {
  if (isJobStatus(text)) return text;
  throw new MillraceError(
    'migration_mismatch',
    `The database holds a job state this version does not know: ${text}`,
  );
}

/** SQLSTATEs after which the same statement can simply be run again: it changed nothing. */
const CONFLICTS = new Set(['40001', '40P01']);
const MAX_TRIES = 5;

/** A database whose statements are tried again after a deadlock or a serialization failure, and fail by meaning. */
function retrying(pool: Pool, prepare: boolean): Database {
  return {
    async query(text, values = [], name) {
      for (let tries = 1; ; tries += 1) {
        try {
          return await pool.query(prepare && name ? { name, text, values } : { text, values });
        } catch (error) {
          if (!CONFLICTS.has(codeOf(error) ?? '') || tries === MAX_TRIES) throw translate(error);
        }
      }
    },
  };
}
