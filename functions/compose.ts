import { openTracing } from '../adapters/opentelemetry/open-tracing.ts';
import { createAccessStore } from '../adapters/postgres/access.ts';
import { Announcer } from '../adapters/postgres/announcer.ts';
import { announcing } from '../adapters/postgres/announcing-store.ts';
import { PostgresArrivals } from '../adapters/postgres/arrivals.ts';
import { createInsight, type Insight } from '../adapters/postgres/insight.ts';
import { createPool, dropSilent } from '../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../adapters/postgres/record-store.ts';
import { tenantDatabase } from '../adapters/postgres/retrying.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { createEngineDeps } from '../adapters/system/engine-deps.ts';
import { createJsonLogger } from '../adapters/system/logger.ts';
import type { EngineDeps } from '../engine/deps.ts';
import { groupCommit, groupStarts } from '../engine/group-commit.ts';
import type { Arrivals } from '../engine/ports/arrivals.ts';
import type { Clock } from '../engine/ports/clock.ts';
import type { Logger } from '../engine/ports/logger.ts';
import type { RecordStore } from '../engine/ports/record-store.ts';
import type { Tracing } from '../engine/ports/tracing.ts';
import type { WorkflowRecordStore } from '../engine/ports/workflow-record-store.ts';
import { sharedLookups } from '../engine/shared-lookups.ts';
import { type EndedWorkflow, observingEnds } from '../engine/workflow-ends.ts';
import { type Authenticator, createAuthenticator } from './auth/authenticator.ts';
import { type Authorize, createAuthorize } from './auth/authorize.ts';
import type { AuthConfig } from './auth/config.ts';
import { createJwtVerifier } from './auth/jwt.ts';
import { type FunctionsConfig, readFunctionsConfig } from './config.ts';
import { KnownTypes } from './http/known-types.ts';
import { createJobMetrics, type JobMetrics } from './http/metrics.ts';
import { openedLate } from './open-records.ts';
import { TenantApps } from './tenant-apps.ts';

/** What the handlers of one container share. */
export interface App {
  readonly deps: EngineDeps;
  readonly types: KnownTypes;
  readonly insight: Insight;
  /** Of workflow runs, wherever they are kept. */
  records(): Promise<WorkflowRecordStore>;
  readonly metrics: JobMetrics;
  readonly authorize: Authorize;
  /** For whom it is; undefined where it is for the operator, who sees all. */
  readonly tenant: string | undefined;
  /** The same, held to the rows of a tenant; itself where there is none. */
  forTenant(tenant: string | undefined): App;
  /** Undefined where nobody is asked who they are. */
  readonly authenticator: Authenticator | undefined;
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
  /** Before the first work after a pause in which this process may have been frozen. */
  afterPause(): Promise<void>;
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
  current ??= createApp(readFunctionsConfig());
  return current;
}

let lastAt = 0;

/**
 * To be called by a Lambda at each event. A container that waits for its next one is frozen, and what it is connected to may
 * have forgotten it: then a request would wait half a minute for an answer that cannot come.
 */
export async function thawed(now = Date.now()): Promise<void> {
  const pause = now - lastAt;
  lastAt = now;
  if (pause > PAUSE_MS) await current?.afterPause();
}

/** Connections that were used so lately are not asked whether they live: it would cost each request a round trip. */
const PAUSE_MS = 5_000;
/** Of a connection to answer an empty statement. */
const ALIVE_WITHIN_MS = 1_000;

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

function accessOf(
  { auth, jwt }: AuthConfig,
  db: Parameters<typeof createAccessStore>[0],
  clock: Clock,
): Pick<App, 'authorize' | 'authenticator'> {
  const verifyJwt = jwt && createJwtVerifier(jwt);
  const authenticator =
    auth === 'off' ? undefined : createAuthenticator({ store: createAccessStore(db), verifyJwt, clock });
  return { authenticator, authorize: createAuthorize(authenticator, clock) };
}

function tellTracing(open: Promise<Tracing>, flushEach: boolean) {
  return async (ended: readonly EndedWorkflow[]) => {
    const tracing = await open;
    for (const one of ended) tracing.workflow(one);
    if (flushEach) await tracing.flush();
  };
}

interface Around {
  readonly announcer: Announcer;
  readonly metrics: JobMetrics;
  readonly tracing: Promise<Tracing> | undefined;
}

/** The store as the handlers have it: counted, told of, and with the requests of one moment sharing its statements. */
function shared(config: FunctionsConfig, tables: RecordStore, { announcer, metrics, tracing }: Around) {
  const watched = metrics.watch(tables);
  const single =
    config.mode === 'polling' ? announcing(watched, { announcer, wait: config.serverless }) : watched;
  const told = tracing ? observingEnds(single, tellTracing(tracing, config.serverless)) : single;
  // A Lambda serves one request at a time, so there every group is one job, and nothing is different.
  return {
    ...told,
    enqueue: groupCommit(told.enqueue),
    start: groupStarts(told.start),
    getDefinition: sharedLookups(told.getDefinition),
  };
}

/** Of one container, which nobody else shares. */
export function createApp(config: FunctionsConfig): App {
  const logger = createJsonLogger(config.logLevel);
  const { prepare } = config.postgres;
  const pool = createPool(config.postgres, logger);
  const tables = createPostgresRecordStore(pool, config.postgres);
  const announcer = new Announcer(pool, logger);
  const { mysql } = config;
  const records = openedLate(async () => {
    if (mysql)
      return (await import('../adapters/mysql/open.ts')).openMysqlRecords(mysql, {
        clock: systemClock,
        logger,
      });
    const { createPostgresWorkflowRecords } = await import('../adapters/postgres/workflow-record-store.ts');
    return { store: createPostgresWorkflowRecords(pool), close: async () => undefined };
  });
  const polling = config.mode === 'polling';
  const metrics = createJobMetrics(config.mode, { store: tables, clock: systemClock, logger });
  const tracing = openTracing(config.tracing);
  const storeOf = (of: RecordStore) => shared(config, of, { announcer, metrics, tracing });
  const store = storeOf(tables);
  const base = createEngineDeps(store, config.mode);
  const types = new KnownTypes(store, base.clock);
  const deps = { ...base, policyOf: types.policyOf.bind(types) };
  const arrivals =
    polling && !config.serverless
      ? new PostgresArrivals({ ...config.postgres, clock: deps.clock, logger })
      : undefined;
  const app: App = {
    deps,
    tenant: undefined,
    forTenant: (tenant) => (tenant === undefined ? app : tenants.of(tenant)),
    ...accessOf(config.access, pool, deps.clock),
    logger,
    arrivals,
    // Loaded when asked for: a Lambda of the API never is, and need not read it at its start.
    duties: async (signal) =>
      (await import('./leader-work.ts')).doDuties(config, { deps, db: pool, metrics, logger, signal }),
    types,
    insight: createInsight(pool),
    records: records.store,
    metrics,
    tracing: tracing && { open: tracing, flushEach: config.serverless },
    afterPause: () => dropSilent(pool, ALIVE_WITHIN_MS),
    close: async () => {
      await arrivals?.close();
      await (await tracing)?.close();
      await records.close();
      await pool.end();
    },
  };
  const tenants = new TenantApps((tenant) => ({
    ...app,
    tenant,
    deps: { ...deps, store: storeOf(createPostgresRecordStore(pool, { tenant, prepare })) },
    insight: createInsight(tenantDatabase({ pool, tenant })),
  }));
  return app;
}
