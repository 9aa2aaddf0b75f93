import {
  type Environment,
  readBytes,
  readChoice,
  readDuration,
  readInteger,
  readOptional,
  readString,
} from '../adapters/env.ts';
import { readTracingConfig, type TracingConfig } from '../adapters/opentelemetry/config.ts';
import { type PostgresConfig, readPostgresConfig } from '../adapters/postgres/config.ts';
import { type OutboxForm, outboxForms } from '../adapters/postgres/sql/outbox-form.ts';
import { readRetention } from '../adapters/retention-config.ts';
import { dispatchModes } from '../engine/deps.ts';
import { MillraceError } from '../engine/errors.ts';
import type { Retention } from '../engine/roles/retention.ts';
import type { Shard } from './shards.ts';

export interface RelayConfig {
  readonly postgres: PostgresConfig;
  readonly slot: string;
  readonly publication: string;
  /** Which part of the outbox; as read, the first of as many as there are (`shardConfigs` makes one of each). */
  readonly shard: Shard;
  /** As the outbox is to be written; undefined as it is. */
  readonly outbox: OutboxForm | undefined;
  readonly session: 'own' | 'pg-logical-replication';
  /** 0 is any free port. */
  readonly metricsPort: number;
  /** Names this process in relay_state and in the logs. */
  readonly name: string;
  readonly leaderRetryMs: number;
  readonly backoff: { readonly minMs: number; readonly maxMs: number };
  readonly limits: RelayLimits;
  readonly publishTimeoutMs: number;
  /** How much of each partition is read after a crash, so as not to repeat it; 0 for nothing. */
  readonly tailRecords: number;
  readonly heartbeatMs: number;
  readonly wal: { readonly budgetBytes: number | undefined; readonly guardMs: number };
  /** Between two samples of how far the workers are behind. */
  readonly lagMs: number;
  readonly tracing: TracingConfig | undefined;
  readonly roles: { readonly tickMs: number; readonly lostAfterMs: number; readonly retention: Retention };
}

/** What bounds memory and the size of one call to the broker. */
export interface RelayLimits {
  /** Bytes read and not acknowledged; at this much reading pauses, at half of it it goes on. */
  readonly unackedBytes: number;
  readonly unackedTransactions: number;
  /** Messages and bytes of one publish; a pack is not torn apart, so one may exceed them. */
  readonly batchMessages: number;
  readonly batchBytes: number;
  /** Published messages whose rows are not cleared yet; at this many publishing waits. */
  readonly unclearedMessages: number;
}

/** Clearing, heartbeat, stragglers, gauges; and the roles, which only one shard's leader has. */
const CONNECTIONS = { ofEach: 4, ofAll: 2 };

export function readRelayConfig(env: Environment): RelayConfig {
  const shards = readInteger(env, 'WE_RELAY_SHARDS', { fallback: 1, min: 1, max: MAX_SHARDS });
  return Object.freeze({
    postgres: readPostgresConfig(env, { poolSize: CONNECTIONS.ofEach * shards + CONNECTIONS.ofAll }),
    slot: readIdentifier(env, 'WE_RELAY_SLOT', 'millrace_relay'),
    publication: readIdentifier(env, 'WE_RELAY_PUBLICATION', 'millrace_outbox'),
    shard: { index: 0, of: shards },
    outbox:
      readOptional(env, 'WE_OUTBOX') === undefined
        ? undefined
        : readChoice(env, 'WE_OUTBOX', outboxForms, 'table'),
    session: readChoice(env, 'WE_RELAY_SESSION', ['own', 'pg-logical-replication'], 'own'),
    metricsPort: readInteger(env, 'WE_METRICS_PORT', { fallback: 9091, min: 0, max: 65_535 }),
    name: readString(env, 'WE_RELAY_NAME', `relay-${process.pid}`),
    leaderRetryMs: readDuration(env, 'WE_LEADER_RETRY_INTERVAL', 1_000),
    backoff: {
      minMs: readDuration(env, 'WE_RELAY_BACKOFF_MIN', 1_000),
      maxMs: readDuration(env, 'WE_RELAY_BACKOFF_MAX', 30_000),
    },
    limits: readLimits(env),
    publishTimeoutMs: readDuration(env, 'WE_RELAY_PUBLISH_TIMEOUT', 120_000),
    tailRecords: readInteger(env, 'WE_RELAY_TAIL_RECORDS', { fallback: 6_000, min: 0, max: 100_000 }),
    heartbeatMs: readDuration(env, 'WE_RELAY_HEARTBEAT_INTERVAL', 10_000),
    wal: {
      budgetBytes: readBytes(env, 'WE_WAL_BUDGET'),
      guardMs: readDuration(env, 'WE_WAL_GUARD_INTERVAL', 2_000),
    },
    lagMs: readDuration(env, 'WE_RELAY_LAG_INTERVAL', 5_000),
    tracing: readTracingConfig(env, 'relay'),
    roles: {
      tickMs: readDuration(env, 'WE_RELAY_ROLE_INTERVAL', 500),
      lostAfterMs: readDuration(env, 'WE_RELAY_LOST_DISPATCH_AFTER', 300_000),
      retention: readRetention(env),
    },
  });
}

/** @throws MillraceError unless this installation dispatches through the broker */
export function requireKafkaMode(env: Environment): void {
  const mode = readChoice(env, 'WE_DISPATCH_MODE', dispatchModes, 'polling');
  if (mode === 'kafka_outbox') return;
  const set =
    readOptional(env, 'WE_DISPATCH_MODE') === undefined ? 'is not set, which means polling' : 'is polling';
  throw new MillraceError(
    'configuration',
    `WE_DISPATCH_MODE ${set}: there is nothing to relay, since workers take jobs from PostgreSQL themselves. Set ` +
      'WE_DISPATCH_MODE=kafka_outbox to dispatch through Kafka.',
    { detail: { variable: 'WE_DISPATCH_MODE' } },
  );
}

function readLimits(env: Environment): RelayLimits {
  // Room for a few batches is enough while one is under way. More was slower: at 32 rows outlive the young generation of the
  // heap (98 thousand rows/s and 390 MB, against 150 thousand and 270 MB at 4).
  const mebibytes = readInteger(env, 'WE_RELAY_UNACKED_MIB', { fallback: 4, min: 1, max: 4_096 });
  return {
    unackedBytes: mebibytes * 1024 * 1024,
    unackedTransactions: readInteger(env, 'WE_RELAY_UNACKED_TRANSACTIONS', { fallback: 50_000, min: 1 }),
    batchMessages: readInteger(env, 'WE_RELAY_BATCH_MESSAGES', { fallback: 2_000, min: 1, max: 100_000 }),
    // Below the broker's usual limit of 1 MiB for what goes to one partition, with room for its own headers.
    batchBytes: readInteger(env, 'WE_RELAY_BATCH_KIB', { fallback: 768, min: 1, max: 65_536 }) * 1024,
    unclearedMessages: readInteger(env, 'WE_RELAY_UNCLEARED_MESSAGES', { fallback: 4_000, min: 1 }),
  };
}

/** As in the constraint of migration 0016. A server has ten slots unless told otherwise. */
const MAX_SHARDS = 64;

/** These names become part of commands that take no parameters, with the number of a shard behind them. */
function readIdentifier(env: Environment, name: string, fallback: string): string {
  const value = readString(env, name, fallback);
  if (/^[a-z_][a-z0-9_]{0,54}$/.test(value)) return value;
  throw new MillraceError(
    'configuration',
    `${name} is malformed: "${value}" is not a name of lower-case letters, digits and underscores (at most 55).`,
    { detail: { variable: name } },
  );
}
