import { Registry } from 'prom-client';
import type { Environment } from '../adapters/env.ts';
import { openTracing } from '../adapters/opentelemetry/open-tracing.ts';
import { createPool } from '../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../adapters/postgres/record-store.ts';
import { writeDispatchMode } from '../adapters/postgres/settings.ts';
import { writeWalBudget } from '../adapters/postgres/sql/wal-guard.ts';
import { PostgresWakeups } from '../adapters/postgres/wakeups.ts';
import { guardWal } from '../adapters/postgres/wal-guard.ts';
import { createStoreWatch } from '../adapters/prometheus/watched-store.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { createEngineDeps } from '../adapters/system/engine-deps.ts';
import { sayLine } from '../adapters/system/engine-lines.ts';
import { createJsonLogger } from '../adapters/system/logger.ts';
import type { Logger } from '../engine/ports/logger.ts';
import { leaderRoles } from '../engine/roles/leader-roles.ts';
import { observingEnds } from '../engine/workflow-ends.ts';
import { Backlogs } from './backlogs.ts';
import { boot } from './boot.ts';
import { openBroker } from './broker.ts';
import { readRelayConfig, requireKafkaMode } from './config.ts';
import { serveHealth } from './health.ts';
import { RelayMetrics } from './metrics.ts';
import { openSession } from './open-session.ts';
import type { RelayDeps } from './relay.ts';
import { settleShards } from './reshard.ts';
import { leading, openShards, runShards, shardHealth } from './run-shards.ts';
import { settleOutbox } from './settle-outbox.ts';
import { tracedStreamer } from './traced-streamer.ts';

export interface RunRelayOptions {
  /** Aborting it hands over: what is under way is finished and confirmed, then the lock is released. */
  readonly signal: AbortSignal;
  /** Told once the boot checks have passed and this replica is leader or standby. */
  readonly onStarted?: (addresses: { readonly metricsUrl: string }) => void;
  readonly logger?: Logger;
  /** Where the boot log goes; standard output unless given. */
  readonly write?: (line: string) => void;
  /** What is done with published rows; unless given they are cleared and audited. */
  readonly clear?: NonNullable<RelayDeps['clear']>;
}

/**
 * Runs one replica of the relay until the signal aborts.
 * @throws MillraceError when a boot check fails, or when going on could only do harm
 */
export async function runRelay(env: Environment, options: RunRelayOptions): Promise<void> {
  const {
    signal,
    logger = createJsonLogger(),
    write = (line) => process.stdout.write(`${line}\n`),
  } = options;
  const say = (line: string): void => write(`[dispatch] ${line}`);
  sayLine(logger, 'starting');
  requireKafkaMode(env);
  const config = readRelayConfig(env);
  await using cleanup = new AsyncDisposableStack();
  const broker = await openBroker(env, config.postgres, logger);
  cleanup.defer(() => broker.close());
  const pool = createPool(config.postgres, logger);
  cleanup.defer(() => pool.end());
  const candidacies = await boot({ config, broker, pool, say, logger });
  sayLine(logger, 'runtimeStarted', broker.described);
  cleanup.defer(() => sayLine(logger, 'runtimeStopped'));
  sayLine(logger, 'runtimeReady', { mode: 'kafka_outbox' });
  cleanup.defer(() => Promise.all(candidacies.map(({ connection }) => connection.close())).then());
  // Where the API is Lambdas, nothing else runs at a start to tell the database, and millrace.enqueue goes by it.
  await writeDispatchMode(pool, 'kafka_outbox');
  await writeWalBudget(pool, config.wal.budgetBytes);
  const tracing = await openTracing(config.tracing);
  cleanup.defer(async () => tracing?.close());
  const written = new Registry();
  const tables = createStoreWatch('kafka_outbox', written)(createPostgresRecordStore(pool, config.postgres));
  const store = tracing
    ? observingEnds(tables, async (ended) => {
        for (const one of ended) tracing.workflow(one);
      })
    : tables;
  const engine = createEngineDeps(store, 'kafka_outbox');
  const { streamer } = broker;
  const shards = openShards({ config, candidacies, logger, say });
  const health = await serveHealth(config.metricsPort, shardHealth(shards, written));
  sayLine(logger, 'metricsListening', { addr: health.url });
  cleanup.defer(() => health.close());
  await settleOutbox(config.outbox, { pool, clock: systemClock, signal, logger });
  await settleShards({ config, pool, engine, streamer, logger, metrics: new RelayMetrics(), signal });
  const wakeups = new PostgresWakeups({ ...config.postgres, clock: systemClock, logger });
  say(`relay started; this replica is ${leading(candidacies)}`);
  options.onStarted?.({ metricsUrl: health.url });
  const backlogs = new Backlogs(systemClock);
  const guarding = new AbortController();
  const guard = guardWal(
    {
      db: pool,
      clock: systemClock,
      logger,
      name: config.name,
      everyMs: config.wal.guardMs,
      onSample: (sample) => shards[0]?.metrics.wal(sample),
    },
    guarding.signal,
  );
  cleanup.defer(() => {
    guarding.abort();
    return guard;
  });
  await runShards(
    shards,
    {
      pool,
      engine,
      streamer: tracing ? tracedStreamer(streamer, tracing) : streamer,
      readTail: broker.readTail,
      openLagReader: broker.openLagReader,
      onLags: (lags) => backlogs.tell(lags),
      openSession: (connection, session) => openSession(config, connection, session),
      ...(options.clear ? { clear: options.clear } : {}),
      roles: leaderRoles(engine, {
        logger,
        wakeups,
        backlogs: (atMostMs) => backlogs.ages(atMostMs),
        ...config.roles,
      }),
    },
    signal,
  );
}
