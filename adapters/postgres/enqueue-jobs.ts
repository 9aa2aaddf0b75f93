import type { NewJob } from '../../engine/commit.ts';
import { MillraceError } from '../../engine/errors.ts';
import type { EnqueueOutcome } from '../../engine/ports/record-store.ts';
import type { JobId } from '../../events/ids.ts';
import { toJob } from './rows.ts';
import type { Database } from './sql/database.ts';
import { insertJobs } from './sql/enqueue.ts';
import { selectByIdempotencyKey } from './sql/read.ts';
import { inTransaction, type Source } from './transaction.ts';
import { enqueueUnique } from './unique-jobs.ts';

interface Where {
  readonly source: Source;
  readonly db: Database;
  readonly shards: number;
}

/** As the keys of the jobs ask for: one statement, or several in one transaction. */
export function enqueueJobs(
  { source, db, shards }: Where,
  jobs: readonly NewJob[],
  allOrNone: boolean,
): Promise<EnqueueOutcome[]> {
  if (allOrNone && mayConflict(jobs)) return enqueueAllOrNone(source, jobs, shards);
  const isTogether = jobs.some(({ unique }) => unique);
  return isTogether ? enqueueTogether(source, jobs, shards) : enqueue(db, jobs, shards);
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
  const first = await selectByIdempotencyKey(db, keys);
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

function enqueueAllOrNone(
  source: Source,
  jobs: readonly NewJob[],
  shards: number,
): Promise<EnqueueOutcome[]> {
  return inTransaction(source, async (db) => {
    const outcomes = await enqueueEach(db, jobs, shards);
    const conflict = outcomes.some(({ kind }) => kind === 'conflict');
    const value = conflict ? outcomes.map(withdrawn) : outcomes;
    return { commit: !conflict, value };
  });
}

/** A unique key takes several statements, so they are one transaction with the rest of the call. */
function enqueueTogether(source: Source, jobs: readonly NewJob[], shards: number): Promise<EnqueueOutcome[]> {
  return inTransaction(source, async (db) => ({ commit: true, value: await enqueueEach(db, jobs, shards) }));
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
