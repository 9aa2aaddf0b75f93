import { openTracing } from '../adapters/opentelemetry/open-tracing.ts';
import { Announcer } from '../adapters/postgres/announcer.ts';
import { announcing } from '../adapters/postgres/announcing-store.ts';
import { PostgresArrivals } from '../adapters/postgres/arrivals.ts';
import { createInsight, type Insight } from '../adapters/postgres/insight.ts';
import { createPool } from '../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../adapters/postgres/record-store.ts';
import { PostgresRoleScheduler } from '../adapters/postgres/role-scheduler.ts';
import type { Database } from '../adapters/postgres/sql/database.ts';
import { PostgresWakeups } from '../adapters/postgres/wakeups.ts';
import { guardWal, type WalSample } from '../adapters/postgres/wal-guard.ts';
import { createEngineDeps } from '../adapters/system/engine-deps.ts';
import { createJsonLogger } from '../adapters/system/logger.ts';
import type { EngineDeps } from '../engine/deps.ts';
import { groupCommit } from '../engine/group-commit.ts';
import type { Arrivals } from '../engine/ports/arrivals.ts';
import type { Logger } from '../engine/ports/logger.ts';
import type { Tracing } from '../engine/ports/tracing.ts';
import { runDuties } from '../engine/roles/duties.ts';
import { leaderRoles } from '../engine/roles/leader-roles.ts';
import { type FunctionsConfig, readFunctionsConfig } from './config.ts';
import { KnownTypes } from './http/known-types.ts';
import { createJobMetrics, type JobMetrics } from './http/metrics.ts';

/** What the handlers of one container share. */
export interface App {
  readonly deps: EngineDeps;
  readonly types: KnownTypes;
  readonly insight: Insight;
  readonly metrics: JobMetrics;
  /** Undefined where nothing is traced. */
  readonly tracing: AppTracing | undefined;
  readonly logger: Logger;
  /** For those who wait for jobs; undefined where nobody may. */
  readonly arrivals: Arrivals | undefined;
  /**
   * Does the leader's work whenever it is this process's turn, until the signal aborts. With a relay, its leader does, and
   * this guards the write-ahead log, for when no relay does.
   */
  duties(signal: AbortSignal): Promise<void>;
  /** Gives the database connections back. */
  close(): Promise<void>;
}

export interface AppTracing {
  readonly open: Promise<Tracing>;
  /** Whether the process may be frozen once it has answered. */
  readonly flushEach: boolean;
}

/** For what goes wrong around any request, also before the settings could be read. */
export const faultLog: Logger = createJsonLogger('error');

let current: App | undefined;

/**
 * The container's one App, made at the first request that needs it: a container that only answers health checks opens
 * no connection.
 * @throws MillraceError `configuration` naming the variable
 */
export function compose(): App {
  current ??= create();
  return current;
}

/** Closes what {@link compose} made; the next request makes it anew. Safe to call twice. */
export async function closeApp(): Promise<void> {
  const app = current;
  current = undefined;
  await app?.close();
}

/** Lets those who wait for jobs go, so that a gateway that stops need not wait for them. */
export async function endWaits(): Promise<void> {
  await current?.arrivals?.close();
}

interface DutyParts {
  readonly deps: EngineDeps;
  readonly db: Database;
  readonly metrics: JobMetrics;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

async function doDuties(
  config: FunctionsConfig,
  { deps, db, metrics, logger, signal }: DutyParts,
): Promise<void> {
  if (config.mode !== 'polling') {
    const name = `api-${process.pid}`;
    const onSample = (sample: WalSample) => metrics.guarded(sample);
    return guardWal({ db, clock: deps.clock, logger, name, everyMs: config.walGuardMs, onSample }, signal);
  }
  const scheduler = new PostgresRoleScheduler({ dsn: config.postgres.dsn, clock: deps.clock, logger });
  // Without a broker no dispatch is lost: the time for that is of no matter.
  const { tickMs, retention } = config;
  const wakeups = new PostgresWakeups({ dsn: config.postgres.dsn, clock: deps.clock, logger });
  const roles = leaderRoles(deps, { logger, tickMs, lostAfterMs: NO_DISPATCHES_MS, wakeups, retention });
  await runDuties({ scheduler, roles, logger }, signal);
}

const NO_DISPATCHES_MS = 3_600_000;

function create(): App {
  const config = readFunctionsConfig();
  const logger = createJsonLogger(config.logLevel);
  const pool = createPool(config.postgres, logger);
  const tables = createPostgresRecordStore(pool, config.postgres);
  const announcer = new Announcer(pool, logger);
  const polling = config.mode === 'polling';
  const single = polling ? announcing(tables, { announcer, wait: config.serverless }) : tables;
  // A Lambda serves one request at a time, so there every group is one job, and nothing is different.
  const store = { ...single, enqueue: groupCommit(single.enqueue) };
  const deps = createEngineDeps(store, config.mode);
  const metrics = createJobMetrics(config.mode, { store, clock: deps.clock, logger });
  const { dsn } = config.postgres;
  const tracing = openTracing(config.tracing);
  const arrivals =
    polling && !config.serverless ? new PostgresArrivals({ dsn, clock: deps.clock, logger }) : undefined;
  return {
    deps,
    logger,
    arrivals,
    duties: (signal) => doDuties(config, { deps, db: pool, metrics, logger, signal }),
    types: new KnownTypes(() => store.listTypes(), deps.clock),
    insight: createInsight(pool),
    metrics,
    tracing: tracing && { open: tracing, flushEach: config.serverless },
    close: async () => {
      await arrivals?.close();
      await (await tracing)?.close();
      await pool.end();
    },
  };
}
