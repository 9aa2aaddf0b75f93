import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { createPool } from '../../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../../../adapters/system/engine-deps.ts';
import type { LagReader } from '../../../engine/ports/consumer-lag.ts';
import { type Logger, silentLogger } from '../../../engine/ports/logger.ts';
import type { JobId, Topic } from '../../../events/ids.ts';
import { encodePack } from '../../../events/pack.ts';
import { readRelayConfig } from '../../../relay-cdc/config.ts';
import type { RelayRole } from '../../../relay-cdc/lead.ts';
import { RelayMetrics } from '../../../relay-cdc/metrics.ts';
import { openSession } from '../../../relay-cdc/open-session.ts';
import { type RelayDeps, runRelayLoop, stand } from '../../../relay-cdc/relay.ts';
import { RelayStatus } from '../../../relay-cdc/status.ts';
import { createDatabase, type TestDatabase } from '../../helpers/database.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { TestBroker } from './broker.ts';

export const TOPIC = 'workflow.jobs.send-email' as Topic;

export interface RelayOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly broker?: TestBroker;
  /** Instead of the broker in memory. */
  readonly streamer?: RelayDeps['streamer'];
  readonly roles?: readonly RelayRole[];
  readonly logger?: Logger;
  readonly openLagReader?: () => Promise<LagReader>;
}

export interface RunningRelay {
  readonly broker: TestBroker;
  readonly status: RelayStatus;
  readonly metrics: RelayMetrics;
  /** What the loop ended with. */
  readonly ended: Promise<void>;
  /** In order, as SIGTERM does. */
  stop(): Promise<void>;
  metric(name: string): Promise<number>;
}

export type FixtureDatabase = Pick<TestDatabase, 'dsn' | 'pool' | 'drop'>;

/** A database with relays on it. Disposing stops them and drops slot and database. */
export class RelayFixture implements AsyncDisposable {
  readonly db: FixtureDatabase;
  readonly slot = `test_${randomBytes(6).toString('hex')}`;
  readonly #relays: RunningRelay[] = [];

  private constructor(db: FixtureDatabase) {
    this.db = db;
  }

  static async create(): Promise<RelayFixture> {
    return new RelayFixture(await createDatabase());
  }

  /** On a server of the test's own, which it may stop and start. */
  static on(db: FixtureDatabase): RelayFixture {
    return new RelayFixture(db);
  }

  get pool(): pg.Pool {
    return this.db.pool();
  }

  env(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    return {
      WE_POSTGRES_DSN: this.db.dsn,
      WE_RELAY_SLOT: this.slot,
      WE_LEADER_RETRY_INTERVAL: '100ms',
      WE_RELAY_BACKOFF_MIN: '50ms',
      WE_RELAY_BACKOFF_MAX: '200ms',
      WE_RELAY_HEARTBEAT_INTERVAL: '200ms',
      ...more,
    };
  }

  async start(options: RelayOptions = {}): Promise<RunningRelay> {
    const { broker = new TestBroker(), logger = silentLogger, roles = [] } = options;
    const config = readRelayConfig(this.env(options.env));
    const pool = createPool(config.postgres, logger);
    const engine = createEngineDeps(createPostgresRecordStore(pool), 'kafka_outbox');
    const stop = new AbortController();
    const [status, metrics] = [new RelayStatus(), new RelayMetrics()];
    const { streamer = broker.streamer } = options;
    const deps: RelayDeps = {
      config,
      pool,
      engine,
      streamer,
      ...(options.openLagReader ? { openLagReader: options.openLagReader } : {}),
      openSession: (connection, session) => openSession(config, connection, session),
      roles,
      logger,
      metrics,
      status,
      say: () => undefined,
    };
    const first = await stand(config.postgres, config.slot, config.name);
    const ended = runRelayLoop(deps, first, stop.signal).finally(() => pool.end());
    ended.catch(() => undefined);
    const relay: RunningRelay = {
      broker,
      status,
      metrics,
      ended,
      stop: async () => {
        stop.abort();
        await ended.catch(() => undefined);
      },
      metric: (name) => readMetric(metrics, name),
    };
    this.#relays.push(relay);
    return relay;
  }

  /** Starts one and waits until it streams. */
  async lead(options: RelayOptions = {}): Promise<RunningRelay> {
    const relay = await this.start(options);
    await waitFor(() => isStreaming(relay), { within: 15_000, what: 'the relay to stream' });
    return relay;
  }

  async outboxRows(): Promise<number> {
    const { rows } = await this.pool.query<{ count: number }>('select count(*)::int from dispatch_outbox');
    return rows[0]?.count ?? -1;
  }

  async confirmed(): Promise<string> {
    const { rows } = await this.pool.query<{ lsn: string }>(
      'select confirmed_flush_lsn::text as lsn from pg_replication_slots where slot_name = $1',
      [this.slot],
    );
    return rows[0]?.lsn ?? 'none';
  }

  async stopRelays(): Promise<void> {
    await Promise.all(this.#relays.map((relay) => relay.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopRelays();
    await this.db.drop();
  }
}

export function isStreaming(relay: RunningRelay): boolean {
  const { ready, role } = relay.status.get();
  return ready && role === 'leader';
}

async function readMetric(metrics: RelayMetrics, name: string): Promise<number> {
  const found = await metrics.registry.getSingleMetric(name)?.get();
  return (found?.values ?? []).reduce((sum, { value }) => sum + value, 0);
}

/** A pack of messages whose values are these texts. */
export function packOf(values: readonly string[], key = 'key'): Buffer {
  return encodePack(
    values.map((value) => ({
      jobId: randomUuid(),
      key: Buffer.from(key),
      value: Buffer.from(value),
      headers: [],
    })),
  );
}

function randomUuid(): JobId {
  const hex = randomBytes(16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}` as JobId;
}

/** Writes rows of one message each, in one transaction. */
export async function insertRows(db: pg.Pool | pg.ClientBase, values: readonly string[]): Promise<void> {
  await db.query(
    `insert into dispatch_outbox (topic, message_count, messages) select $1, 1, pack from unnest($2::bytea[]) as pack`,
    [TOPIC, values.map((value) => packOf([value]))],
  );
}

export function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
}
