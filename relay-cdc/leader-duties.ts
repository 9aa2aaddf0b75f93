import type { Database } from '../adapters/postgres/sql/database.ts';
import { measureLoggedBacklog } from '../adapters/postgres/sql/outbox.ts';
import { readOutboxForm } from '../adapters/postgres/sql/outbox-form.ts';
import { MillraceError } from '../engine/errors.ts';
import type { Clock } from '../engine/ports/clock.ts';
import type { Logger } from '../engine/ports/logger.ts';
import type { Lsn, Term } from '../events/ids.ts';
import { type LoggedBacklog, recordReached, selectGiven } from './logged-backlog.ts';
import type { RelayMetrics } from './metrics.ts';
import { publicationIncomplete, publicationQuery } from './publication.ts';
import { askForRebuild, recordProgress } from './relay-state.ts';
import type { Shard } from './shards.ts';

export interface DutyDeps {
  readonly db: Database;
  readonly slot: string;
  readonly publication: string;
  readonly shard: Shard;
  readonly term: Term;
  readonly watermark: () => Lsn;
  readonly logged: LoggedBacklog;
  readonly heartbeatMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: RelayMetrics;
}

/** What an altered publication hides must not stay hidden for longer, however seldom progress is written. */
const MAX_HEARTBEAT_MS = 60_000;

/**
 * Says every few seconds how far this term has come, which on an idle database also gives the slot something to move on
 * to; and looks whether the publication still is what it was.
 * @throws MillraceError when another term has begun, or the publication was altered
 */
export async function keepHeartbeat(deps: DutyDeps, signal: AbortSignal): Promise<void> {
  const { db, slot, term, publication, shard, clock } = deps;
  while (!signal.aborted) {
    await clock.sleep(Math.min(deps.heartbeatMs, MAX_HEARTBEAT_MS), signal);
    if (signal.aborted) return;
    const isOurs = await recordProgress(db, { slot, term, confirmed: deps.watermark() });
    if (!isOurs) {
      throw new MillraceError('replication_failed', `Term ${term} is over: another relay leads.`, {
        retryable: true,
      });
    }
    const { rows } = await db.query<{ complete: boolean }>(publicationQuery(publication, shard));
    if (rows[0]?.complete) continue;
    await askForRebuild(db, { slot, term, reason: 'publication_altered' });
    throw publicationIncomplete(publication, shard);
  }
}

const SAMPLE_MS = 1_000;
/** Counting a large backlog takes time that its draining needs: at most this share of it. */
const SAMPLE_SHARE = 0.05;

/** Keeps the gauges that only the database knows. A sample that fails is left out. */
export async function sampleGauges(deps: DutyDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const startedAt = performance.now();
    try {
      deps.metrics.backlog((await countBacklog(deps.db, deps.shard)) + (await countLogged(deps)));
      if (tellsForAll(deps.shard)) deps.metrics.deadLetters(await countDeadLetters(deps.db));
      const sample = await measureSlot(deps.db, deps.slot);
      if (sample) deps.metrics.slot(sample);
    } catch (error) {
      deps.logger.warn('the gauges of the outbox could not be sampled', { error });
    }
    const tookMs = performance.now() - startedAt;
    await deps.clock.sleep(Math.max(SAMPLE_MS, tookMs / SAMPLE_SHARE), signal);
  }
}

async function countBacklog(db: Database, { index, of }: Shard): Promise<number> {
  const { rows } = await db.query<{ messages: string }>(
    `
    select coalesce(sum(message_count), 0)::text as messages
    from dispatch_outbox
    where shard_key % $1::integer = $2::integer
    `,
    [of, index],
  );
  return Number(rows[0]?.messages ?? 0);
}

/** Of an outbox in the log: where this shard is, and by that how much waits. */
async function countLogged({ db, slot, term, shard, logged, watermark }: DutyDeps): Promise<number> {
  if ((await readOutboxForm(db)) === 'table') return 0;
  const given = await selectGiven(db);
  const reached = given && logged.look(given, watermark());
  if (reached) await recordReached(db, { slot, term, reached });
  return tellsForAll(shard) ? measureLoggedBacklog(db) : 0;
}

/** Some of what is sampled is the whole installation's: one shard tells. */
function tellsForAll({ index }: Shard): boolean {
  return index === 0;
}

async function countDeadLetters(db: Database): Promise<number> {
  const { rows } = await db.query<{ jobs: string }>(
    "select count(*)::text as jobs from jobs where status = 'dead_letter'",
  );
  return Number(rows[0]?.jobs ?? 0);
}

async function measureSlot(
  db: Database,
  slot: string,
): Promise<{ retainedBytes: number; lagBytes: number } | undefined> {
  const { rows } = await db.query<{ retained: string | null; lag: string | null }>(
    `
    select
      pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::text as retained,
      pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::text as lag
    from pg_replication_slots
    where slot_name = $1
    `,
    [slot],
  );
  const row = rows[0];
  return row && { retainedBytes: Number(row.retained ?? 0), lagBytes: Number(row.lag ?? 0) };
}
