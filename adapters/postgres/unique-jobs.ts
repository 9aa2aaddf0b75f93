import type { NewJob } from '../../engine/commit.ts';
import { MillraceError } from '../../engine/errors.ts';
import type { EnqueueOutcome } from '../../engine/ports/record-store.ts';
import { decideUnique, type UniqueRule } from '../../engine/unique.ts';
import { toJob } from './rows.ts';
import type { Database } from './sql/database.ts';
import { insertJobs } from './sql/enqueue.ts';
import * as sql from './sql/unique.ts';

/** Each round loses to another that wrote or ended a job of the key at this moment. */
const MAX_ROUNDS = 100;

interface UniqueJob {
  readonly job: NewJob;
  readonly rule: UniqueRule;
  readonly shards: number;
}

/**
 * Writes a job that has a unique key, within a transaction. The open job of the key is locked; where there is none, the unique
 * index lets one of those who write at the same time do so, and the others look again.
 */
export async function enqueueUnique(db: Database, wanted: UniqueJob): Promise<EnqueueOutcome> {
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    const outcome = await tryOnce(db, wanted);
    if (outcome) return outcome;
  }
  throw new MillraceError(
    'unavailable',
    `The jobs of unique key "${wanted.rule.key}" change too fast for this request. Nothing was written; try again.`,
    { retryable: true },
  );
}

async function tryOnce(db: Database, { job, rule, shards }: UniqueJob): Promise<EnqueueOutcome | undefined> {
  const row = await sql.lockOpenJob(db, { type: job.type, key: rule.key });
  if (row) {
    const existing = toJob(row);
    const verdict = decideUnique(existing, rule, { now: row.now, runAt: job.runAt });
    switch (verdict.kind) {
      case 'drop':
        return { kind: 'joined', job: existing };
      case 'update': {
        const updated = await sql.updatePending(db, row.id, { job, runAt: verdict.runAt });
        return updated && { kind: 'joined', job: toJob(updated) };
      }
      case 'supersede':
        await sql.supersede(db, row.id, job.id);
        break;
      case 'release':
        await sql.releaseKey(db, row.id);
        break;
      default:
        verdict satisfies never;
    }
  }
  const [created] = await insertJobs(db, [job], shards);
  return created ? { kind: 'created' } : undefined;
}
