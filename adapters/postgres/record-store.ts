import type { Pool } from 'pg';
import type { AuditEntry, Commit, NewInstance } from '../../engine/commit.ts';
import type {
  ClaimRequest,
  CommitOutcome,
  Purged,
  PurgeRange,
  RecordStore,
} from '../../engine/ports/record-store.ts';
import type { JobId, StepId } from '../../events/ids.ts';
import { admitJobs } from './admission.ts';
import { enqueueJobs } from './enqueue-jobs.ts';
import { codeOf } from './errors.ts';
import { complete, heartbeat, toClaimOutcome, toLoaded } from './leases.ts';
import { packer } from './packer.ts';
import { Poller } from './poller.ts';
import { retrying, tenantDatabase } from './retrying.ts';
import { toJob } from './rows.ts';
import { createPostgresScheduleStore } from './schedule-store.ts';
import { claimJobs } from './sql/claim.ts';
import { applyUnits } from './sql/commit.ts';
import type { Database } from './sql/database.ts';
import { selectDeadLetterIds, selectDeadLetters } from './sql/dead-letters.ts';
import { giveBack } from './sql/give-back.ts';
import { purgeStarts, selectNextAdmission } from './sql/limits.ts';
import { retakePolled } from './sql/poll.ts';
import * as purge from './sql/purge.ts';
import * as read from './sql/read.ts';
import { startInstances } from './sql/start-instances.ts';
import { selectFallback } from './sql/wal-guard.ts';
import { insertAudit, insertTypes, insertUndecodable, selectPolicies, selectTypes } from './sql/write.ts';
import { Turns } from './turns.ts';
import { workflowStore } from './workflow-store.ts';

interface Options {
  readonly prepare?: boolean | undefined;
  /** For whom the store is: it sees and writes the rows of this tenant alone. It is for the API, and does no leader's work. */
  readonly tenant?: string;
}

/** The store on PostgreSQL 15 or newer. The pool's connections must go to the primary. */
export function createPostgresRecordStore(pool: Pool, options: Options = {}): RecordStore {
  const { tenant, prepare = false } = options;
  const source = { pool, tenant, prepare };
  const db = tenant === undefined ? retrying(pool, prepare) : tenantDatabase(source);
  const packed = packer(db);
  const poller = new Poller(db);
  const turns = new Turns();
  return {
    ...workflowStore(db),
    schedules: createPostgresScheduleStore({ source, db, packed }),
    registerTypes: (types, policies) => insertTypes(db, types, policies),
    listPolicies: () => selectPolicies(db),
    listTypes: async () => (await selectTypes(db)) as StepId[],
    enqueue: (jobs, options) => {
      const [first] = jobs;
      const allOrNone = options?.allOrNone ?? false;
      const write = () => packed((shards) => enqueueJobs({ source, db, shards }, jobs, allOrNone));
      const { type, unique } = first ?? {};
      return unique && jobs.length === 1 ? turns.take(`${type} ${unique.key}`, write) : write();
    },
    start: (instances: readonly NewInstance[]) => packed((shards) => start(db, instances, shards)),
    claim: async (request: ClaimRequest) => (await claimJobs(db, request)).map(toClaimOutcome),
    poll: async (request) =>
      (await (request.again ? retakePolled(db, request) : poller.take(request))).map(toJob),
    giveBack: (taken) => giveBack(db, taken),
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
    unclaimedJobs: async (olderThanMs, limit, backlogsMs = new Map()) =>
      (await read.selectUnclaimedJobs(db, { olderThanMs, limit, backlogsMs })).map(toJob),
    admit: (limit, decide) => packed((shards) => admitJobs(source, { limit, shards }, decide)),
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

/** A definition that came with earlier instances may be purged with the last of them at this very moment: then it is written anew. */
async function start(db: Database, instances: readonly NewInstance[], shards: number): Promise<void> {
  try {
    await startInstances(db, instances, shards);
  } catch (error) {
    if (codeOf(error) !== '23503') throw error;
    await startInstances(db, instances, shards);
  }
}

async function commitUnits(db: Database, { units }: Commit, shards: number): Promise<CommitOutcome[]> {
  if (units.length === 0) return [];
  const applied = await applyUnits(db, units, shards);
  return units.map((_, index) => (applied.has(index) ? 'applied' : 'conflict'));
}

function toPurged({ removed, seen, last }: purge.PurgeRow, { limit }: PurgeRange): Purged {
  return { removed, next: seen < limit ? undefined : (last ?? undefined) };
}
