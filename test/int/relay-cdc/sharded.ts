import { Registry } from 'prom-client';
import { createPool } from '../../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../../../adapters/system/engine-deps.ts';
import { enqueueJobs } from '../../../engine/commands/enqueue-jobs.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import type { StepId } from '../../../events/ids.ts';
import { readRelayConfig } from '../../../relay-cdc/config.ts';
import { RelayMetrics } from '../../../relay-cdc/metrics.ts';
import { openSession } from '../../../relay-cdc/open-session.ts';
import { stand } from '../../../relay-cdc/relay.ts';
import { settleShards } from '../../../relay-cdc/reshard.ts';
import { openShards, runShards, type ShardRelay, shardHealth } from '../../../relay-cdc/run-shards.ts';
import { shardConfigs } from '../../../relay-cdc/shards.ts';
import type { TestBroker } from './broker.ts';
import type { RelayFixture } from './fixture.ts';

export interface ShardedRelay extends AsyncDisposable {
  readonly shards: readonly ShardRelay[];
  readonly ended: Promise<void>;
  readonly metricsPage: () => Promise<string>;
  stop(): Promise<void>;
}

/** A relay of several shards, put together as `main.ts` does; the broker is in memory. */
export async function startSharded(
  fixture: RelayFixture,
  options: {
    readonly shards: number;
    readonly broker: TestBroker;
    readonly patienceMs?: number;
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<ShardedRelay> {
  const { broker, patienceMs = 10_000 } = options;
  const config = readRelayConfig(fixture.env({ ...options.env, WE_RELAY_SHARDS: String(options.shards) }));
  const pool = createPool(config.postgres, silentLogger);
  const engine = createEngineDeps(createPostgresRecordStore(pool), 'kafka_outbox');
  const { streamer } = broker;
  const stop = new AbortController();
  const candidacies = await Promise.all(
    shardConfigs(config).map(({ slot }) => stand(config.postgres, slot, config.name)),
  );
  const shared = { pool, engine, streamer, logger: silentLogger };
  try {
    await settleShards({
      ...shared,
      config,
      metrics: new RelayMetrics(),
      signal: stop.signal,
      patienceMs,
    });
  } catch (error) {
    await Promise.all(candidacies.map(({ connection }) => connection.close()));
    await pool.end();
    throw error;
  }
  const shards = openShards({ config, candidacies, logger: silentLogger, say: () => undefined });
  const ended = runShards(
    shards,
    { ...shared, roles: [], openSession: (connection, session) => openSession(config, connection, session) },
    stop.signal,
  ).finally(() => pool.end());
  ended.catch(() => undefined);
  const stopAndWait = async (): Promise<void> => {
    stop.abort();
    await ended.catch(() => undefined);
  };
  return {
    shards,
    ended,
    metricsPage: shardHealth(shards, new Registry()).metrics,
    stop: stopAndWait,
    [Symbol.asyncDispose]: stopAndWait,
  };
}

/** Accepts jobs as the API does, in batches, and remembers in which order those of a key were. */
export class KeyedWriter {
  readonly accepted = new Map<string, string[]>();
  readonly #engine;

  constructor(fixture: RelayFixture) {
    this.#engine = createEngineDeps(createPostgresRecordStore(fixture.pool), 'kafka_outbox');
  }

  async write(keys: readonly string[]): Promise<void> {
    const commands = keys.map((partitionKey) => ({
      type: 'send-email' as StepId,
      payload: '{}',
      maxRetries: 0,
      partitionKey,
    }));
    const outcomes = await enqueueJobs(this.#engine, commands);
    outcomes.forEach((outcome, index) => {
      const key = keys[index] ?? '';
      if (outcome.kind !== 'created') throw new Error(`not accepted: ${outcome.kind}`);
      this.accepted.set(key, [...(this.accepted.get(key) ?? []), `${outcome.job.id}.1`]);
    });
  }
}

/** What the broker has of each key, in its order, copies after the first left out. */
export function firstCopies(broker: TestBroker): Map<string, string[]> {
  const byKey = new Map<string, string[]>();
  const known = new Set<string>();
  for (const { key, headers } of broker.seen) {
    const id = headers.get('dedup-id') ?? '';
    if (known.has(id)) continue;
    known.add(id);
    byKey.set(key, [...(byKey.get(key) ?? []), id]);
  }
  return byKey;
}
