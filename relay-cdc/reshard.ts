import type { Pool } from 'pg';
import { statementsOf } from '../adapters/postgres/statements.ts';
import type { EngineDeps } from '../engine/deps.ts';
import { MillraceError } from '../engine/errors.ts';
import type { EventStreamer } from '../engine/ports/event-streamer.ts';
import type { Logger } from '../engine/ports/logger.ts';
import { alterOutbox } from './alter-outbox.ts';
import type { RelayConfig } from './config.ts';
import { tryLead } from './leadership.ts';
import type { RelayMetrics } from './metrics.ts';
import { PublishLane } from './publish-lane.ts';
import { publishTable } from './rebuild.ts';
import { refuseJobs } from './refusals.ts';
import { identifySystem } from './relay-state.ts';
import { ReplicationConnection } from './replication-connection.ts';
import { isShardName, listShards, shardConfigs, shardName, WHOLE } from './shards.ts';
import { dropSlot, inspectSlot, releaseSlot } from './slot.ts';
import { type Clearer, clearOutbox } from './sql/clear-outbox.ts';
import { fence, ledSlots, nextTerm, publications, readSharding, settleSharding } from './sql/reshard.ts';
import { WriteBack } from './write-back.ts';

export interface ReshardDeps {
  readonly config: RelayConfig;
  readonly pool: Pool;
  readonly engine: EngineDeps;
  readonly streamer: Pick<EventStreamer, 'publisher'>;
  readonly logger: Logger;
  readonly metrics: RelayMetrics;
  readonly signal: AbortSignal;
  /** How long to wait for relays of another number to end, and for a replica that makes the same change. */
  readonly patienceMs?: number;
}

const PATIENCE_MS = 15_000;
const LOOK_AGAIN_MS = 500;

/**
 * Sees to it that the database packs for as many shards as this relay has, and that nothing is left that was packed for
 * another number. Only with no relay of another number at work: its leaders' locks are held meanwhile.
 * @throws MillraceError when such a relay runs
 */
export async function settleShards(deps: ReshardDeps): Promise<void> {
  const { config, pool, engine, signal } = deps;
  const deadline = performance.now() + (deps.patienceMs ?? PATIENCE_MS);
  while (!signal.aborted) {
    const recorded = await readSharding(pool);
    if (recorded.shards === config.shard.of && !recorded.resharding) return;
    const busy = await tryReshard(deps, recorded.shards);
    if (busy === undefined) continue;
    if (performance.now() > deadline) throw refuse(config.shard.of, recorded.shards, busy);
    await engine.clock.sleep(LOOK_AGAIN_MS, signal);
  }
}

/** @returns the slot whose leader is still at work, when there is one: then nothing was changed */
async function tryReshard(deps: ReshardDeps, recorded: number): Promise<string | undefined> {
  const { config, pool } = deps;
  const connection = await ReplicationConnection.open(config.postgres, config.name);
  try {
    const former = await formerSlots(deps, recorded);
    const busy = await lockAll(connection, [`${config.slot} shards`, ...former]);
    if (busy !== undefined) return busy;
    // Another replica may have made the change before the locks were taken.
    const { shards, resharding } = await readSharding(pool);
    if (shards === recorded || resharding) await reshard(deps, connection, former);
    return undefined;
  } finally {
    await connection.close();
  }
}

/** Slots of other numbers of shards: that of the record, and what is left of a change that was broken off. */
async function formerSlots({ config, pool }: ReshardDeps, recorded: number): Promise<string[]> {
  const present = new Set(shardConfigs(config).map(({ slot }) => slot));
  const names = [
    ...listShards(recorded).map((shard) => shardName(config.slot, shard)),
    ...(await ledSlots(pool)).filter((name) => isShardName(name, config.slot)),
  ];
  return [...new Set(names)].filter((name) => !present.has(name));
}

/** @returns the first whose lock somebody else holds */
async function lockAll(
  connection: ReplicationConnection,
  names: readonly string[],
): Promise<string | undefined> {
  for (const name of names) {
    if (!(await tryLead(connection, name))) return name;
  }
  return undefined;
}

function refuse(wanted: number, recorded: number, slot: string): MillraceError {
  return new MillraceError(
    'configuration',
    `WE_RELAY_SHARDS is ${wanted}, and another relay is at work with ${recorded} (it leads "${slot}"). Stop every relay that ` +
      `has another number, then start them with ${wanted}: the first one makes the change. Jobs that are accepted meanwhile ` +
      'wait in the outbox.',
    { detail: { variable: 'WE_RELAY_SHARDS' } },
  );
}

async function reshard(
  deps: ReshardDeps,
  connection: ReplicationConnection,
  former: readonly string[],
): Promise<void> {
  const { config, pool, logger, signal } = deps;
  const shards = shardConfigs(config);
  const identity = await identifySystem(connection);
  const term = await nextTerm(pool);
  await fenceWriters(deps);
  const messages = await drain(deps, connection, { term, serverStart: identity.serverStart });
  signal.throwIfAborted();
  for (const slot of former) await removeSlot(deps, connection, slot);
  const present = new Set(shards.map(({ publication }) => publication));
  const known = (await publications(pool)).filter((name) => isShardName(name, config.publication));
  const client = await pool.connect();
  try {
    await settleSharding(client, {
      gone: {
        slots: former,
        // The one of the whole outbox is a migration's.
        publications: known.filter((name) => !present.has(name) && name !== config.publication),
      },
      slots: shards.map(({ slot }) => slot),
      leader: config.name,
      term,
      identity,
    });
  } finally {
    client.release();
  }
  logger.info('the number of shards was changed', { shards: config.shard.of, messages });
}

async function fenceWriters({ config, pool, engine, signal }: ReshardDeps): Promise<void> {
  const deps = { pool, clock: engine.clock, signal, variable: 'WE_RELAY_SHARDS' };
  await alterOutbox(deps, (client) => fence(client, config.shard.of, shardConfigs(config)));
}

/** Publishes and clears all that is in the outbox, before any shard begins: so order per key holds across the change. */
async function drain(
  deps: ReshardDeps,
  connection: ReplicationConnection,
  clearer: Clearer,
): Promise<number> {
  const { term } = clearer;
  const { config, pool, engine, streamer, logger, metrics, signal } = deps;
  await using cleanup = new AsyncDisposableStack();
  const publisher = await streamer.publisher({ clientId: `millrace-relay-${term}` });
  cleanup.defer(() => publisher.close());
  const writeBack = new WriteBack({
    clear: (rows) => clearOutbox(statementsOf(pool, true), rows, clearer),
    maxMessages: config.limits.unclearedMessages,
    clock: engine.clock,
    logger,
    metrics,
  });
  cleanup.defer(() => writeBack.close(0));
  const lane = new PublishLane({
    publisherOf: () => publisher,
    term,
    timeoutMs: config.publishTimeoutMs,
    metrics,
    logger,
    mayPublish: () => !connection.lost.aborted,
    onPublished: async (rows, refused) => {
      await refuseJobs(engine, refused);
      await writeBack.add(rows);
    },
  });
  const messages = await publishTable({ pool, lane, shard: WHOLE, signal });
  await writeBack.flush();
  return messages;
}

async function removeSlot(
  { engine, logger }: ReshardDeps,
  connection: ReplicationConnection,
  slot: string,
): Promise<void> {
  if (!(await inspectSlot(connection, slot))) return;
  const onZombie = (pid: number): void =>
    logger.warn('ending the session of a leader that has lost its lock', { slot, pid });
  await releaseSlot(connection, slot, { clock: engine.clock, onZombie });
  await dropSlot(connection, slot);
}
