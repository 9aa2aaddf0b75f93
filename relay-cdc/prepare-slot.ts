import type { Pool } from 'pg';
import { readOutboxForm } from '../adapters/postgres/sql/outbox-form.ts';
import type { EngineDeps } from '../engine/deps.ts';
import type { Clock } from '../engine/ports/clock.ts';
import type { Logger } from '../engine/ports/logger.ts';
import { redispatchAllUnclaimed } from '../engine/roles/lost-dispatches.ts';
import type { Lsn, Term } from '../events/ids.ts';
import { formatLsn } from './lsn.ts';
import type { RelayMetrics } from './metrics.ts';
import { publicationIncomplete, publicationQuery } from './publication.ts';
import type { PublishLane } from './publish-lane.ts';
import { publishSnapshot } from './rebuild.ts';
import {
  beginRebuild,
  countLosses,
  type Identity,
  markRebuild,
  type RelayState,
  settleRebuild,
} from './relay-state.ts';
import type { ReplicationConnection } from './replication-connection.ts';
import type { Shard } from './shards.ts';
import { createSlot, dropSlot, inspectSlot, releaseSlot, type SlotState } from './slot.ts';
import { startPosition } from './term-rules.ts';

export interface Leadership {
  readonly connection: ReplicationConnection;
  readonly identity: Identity;
  readonly term: Term;
  /** What earlier terms left; undefined when the slot has never been made. */
  readonly before: RelayState | undefined;
}

export interface PrepareDeps {
  readonly pool: Pool;
  readonly slot: string;
  readonly publication: string;
  readonly shard: Shard;
  readonly lane: PublishLane;
  /** Resolves when all that was published is cleared from the outbox. */
  readonly cleared: () => Promise<void>;
  readonly engine: EngineDeps;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: RelayMetrics;
  readonly signal: AbortSignal;
}

export interface Prepared {
  /** Where to stream from. */
  readonly start: Lsn;
  /** The slot is the one that the last term left. */
  readonly isKept: boolean;
}

/**
 * Sees to it that there is a slot that has missed nothing.
 *
 * The slot is not what jobs live on: the outbox table is. Whenever the slot is not the one the last term left, a new one is
 * made and every row that it will not show is published from the table.
 */
export async function prepareSlot(leadership: Leadership, deps: PrepareDeps): Promise<Prepared> {
  const { connection, identity, before } = leadership;
  await checkPublication(connection, deps);
  const slot = await inspectSlot(connection, deps.slot);
  const reason = rebuildReason({ before, slot, identity });
  if (reason !== undefined) {
    return { start: await rebuild(leadership, deps, { reason, exists: slot !== undefined }), isKept: false };
  }
  await release(connection, deps);
  const start = startPosition({
    slot: slot?.confirmed,
    recorded: before?.confirmed,
    written: identity.position,
  });
  return { start, isKept: true };
}

export type RebuildReason =
  | 'first_start'
  | 'unfinished'
  | 'slot_missing'
  | 'slot_lost'
  | 'system_changed'
  | 'timeline_changed'
  | 'slot_unknown'
  | NoticedReason;

/** What was noticed before this term, and marked. */
const noticedReasons = ['publication_altered', 'wal_budget'] as const;
type NoticedReason = (typeof noticedReasons)[number];

export function rebuildReason(found: {
  readonly before: RelayState | undefined;
  readonly slot: SlotState | undefined;
  readonly identity: Identity;
}): RebuildReason | undefined {
  const { before, slot, identity } = found;
  if (!before) return slot ? 'slot_unknown' : 'first_start';
  if (before.rebuildReason === 'first_start') return 'first_start';
  if (before.rebuildReason !== undefined) {
    return noticedReasons.find((reason) => reason === before.rebuildReason) ?? 'unfinished';
  }
  if (before.systemId !== identity.systemId) return 'system_changed';
  if (before.timeline !== identity.timeline) return 'timeline_changed';
  if (!slot) return 'slot_missing';
  return slot.lost ? 'slot_lost' : undefined;
}

async function rebuild(
  { connection, identity, term }: Leadership,
  deps: PrepareDeps,
  { reason, exists }: { reason: RebuildReason; exists: boolean },
): Promise<Lsn> {
  const { pool, slot, shard, lane, logger, metrics, signal } = deps;
  if (reason !== 'first_start') {
    metrics.rebuilt(reason);
    logger.warn('the slot is not the one the last term left: dispatching the outbox from the table', {
      slot,
      reason,
    });
  }
  await markRebuild(connection, slot, reason);
  await beginRebuild(connection, slot);
  await tellIfOften(deps);
  if (exists) {
    await release(connection, deps);
    await dropSlot(connection, slot);
  }
  const created = await createSlot(connection, slot);
  const messages = await publishSnapshot({ pool, lane, shard, signal }, created);
  await deps.cleared();
  signal.throwIfAborted();
  await redispatchHints(deps);
  await settleRebuild(pool, { slot, term, identity, confirmed: created.start, reason, messages });
  logger.info('the slot is new', { slot, reason, messages, start: formatLsn(created.start) });
  return created.start;
}

/** Of what was in the lost log alone the jobs are left. What is dispatched for them comes through the new slot. */
async function redispatchHints({ pool, engine, slot, logger, signal }: PrepareDeps): Promise<void> {
  if ((await readOutboxForm(pool)) !== 'message') return;
  const jobs = await redispatchAllUnclaimed(engine, signal);
  signal.throwIfAborted();
  if (jobs > 0) logger.warn('dispatched every queued job anew that nobody had claimed', { slot, jobs });
}

const LOSSES_AN_HOUR = 3;

/** It goes on, for jobs must; but what loses slots so often is not mended by making new ones. */
async function tellIfOften({ pool, slot, logger }: PrepareDeps): Promise<void> {
  const losses = await countLosses(pool, slot);
  if (losses <= LOSSES_AN_HOUR) return;
  logger.error('the slot is lost again and again: each time the whole outbox is dispatched anew', {
    slot,
    lossesInTheLastHour: losses,
    advice:
      'Run: millrace doctor. Raise max_slot_wal_keep_size or WE_WAL_BUDGET, or find who drops the slot.',
  });
}

function release(connection: ReplicationConnection, { slot, clock, logger }: PrepareDeps): Promise<void> {
  const onZombie = (pid: number): void =>
    logger.warn('ending the session of a leader that has lost its lock', { slot, pid });
  return releaseSlot(connection, slot, { clock, onZombie });
}

/** Without it the log would show nothing, and on some versions would not even say so. */
async function checkPublication(
  connection: ReplicationConnection,
  { publication, shard, slot }: PrepareDeps,
): Promise<void> {
  const [row] = await connection.query<{ complete: boolean }>(publicationQuery(publication, shard));
  if (row?.complete) return;
  await markRebuild(connection, slot, 'publication_altered');
  throw publicationIncomplete(publication, shard);
}
