import type { Database } from '../adapters/postgres/sql/database.ts';
import type { Clock } from '../engine/ports/clock.ts';
import type { Logger } from '../engine/ports/logger.ts';
import type { Lsn } from '../events/ids.ts';
import type { RelayMetrics } from './metrics.ts';
import type { PlacedRow } from './outgoing.ts';
import type { PublishLane } from './publish-lane.ts';
import type { Shard } from './shards.ts';
import { oldestIds, readRows, remainingIds, writePosition } from './sql/read-outbox.ts';
import type { OutboxRow } from './wal-session.ts';
import type { WriteBack } from './write-back.ts';

export interface StragglerDeps {
  readonly db: Database;
  readonly shard: Shard;
  readonly lane: Pick<PublishLane, 'publish' | 'isBroken'>;
  readonly writeBack: Pick<WriteBack, 'isPending' | 'flush'>;
  /** Everything before it is with the broker. */
  readonly watermark: () => Lsn;
  readonly everyMs: number;
  /** Told when the log and the table have been gone through up to where they stood at the start of the term, at least. */
  readonly onPass: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: RelayMetrics;
}

const MAX_IDS = 10_000;
/** A pack may have 2 MiB. */
const ROWS_AT_ONCE = 20;
const WAIT_MS = 250;

/**
 * Publishes rows that the log has passed and that are still in the outbox: published by a leader that died before it could
 * clear them, or never seen in the log because somebody altered the publication. They are told from rows on their way by
 * the order of three readings: which rows are there; then, where the log is written to; and once all before that position
 * is published and cleared, which of those rows are still there.
 */
export async function publishStragglers(deps: StragglerDeps, signal: AbortSignal): Promise<void> {
  let isFirst = true;
  while (!signal.aborted) {
    const seen = await oldestIds(deps.db, deps.shard, MAX_IDS);
    if (seen.length > 0 || isFirst) {
      const position = await writePosition(deps.db);
      while (deps.watermark() < position && !signal.aborted) await deps.clock.sleep(WAIT_MS, signal);
      if (signal.aborted) return;
      await deps.writeBack.flush();
      await publishRemaining(deps, seen, { position, signal });
      isFirst = false;
    }
    // Where more rows are than were looked at, more may have been passed by.
    if (seen.length < MAX_IDS) deps.onPass();
    await deps.clock.sleep(deps.everyMs, signal);
  }
}

async function publishRemaining(
  deps: StragglerDeps,
  seen: readonly bigint[],
  { position, signal }: { position: Lsn; signal: AbortSignal },
): Promise<void> {
  if (seen.length === 0) return;
  const { db, lane, writeBack, logger, metrics } = deps;
  const remaining = await remainingIds(db, seen);
  const ids = remaining.filter((id) => !writeBack.isPending(id) && !lane.isBroken(id));
  if (ids.length === 0) return;
  logger.warn('publishing rows that the log has passed and that were not cleared', { rows: ids.length });
  for (let from = 0; from < ids.length && !signal.aborted; from += ROWS_AT_ONCE) {
    const rows = await readRows(db, ids.slice(from, from + ROWS_AT_ONCE));
    await lane.publish(placeAt(rows, position));
    metrics.redispatched(rows.reduce((sum, { messageCount }) => sum + messageCount, 0));
  }
  await writeBack.flush();
}

/** Rows that did not come through the log carry a position that is not before their commit. */
export function placeAt(rows: readonly OutboxRow[], position: Lsn): PlacedRow[] {
  let firstIndex = 0;
  return rows.map((row) => {
    const placed: PlacedRow = { row, commitLsn: position, firstIndex, fromTable: true };
    firstIndex += row.messageCount;
    return placed;
  });
}
