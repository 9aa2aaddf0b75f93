import type { Pool } from 'pg';
import { redact, translate } from '../adapters/postgres/errors.ts';
import { sayLine } from '../adapters/system/engine-lines.ts';
import { isMillraceError, MillraceError } from '../engine/errors.ts';
import type { Logger } from '../engine/ports/logger.ts';
import type { StepId } from '../events/ids.ts';
import { jobTopic } from '../events/topics.ts';
import type { Broker } from './broker.ts';
import type { RelayConfig } from './config.ts';
import { reasonOf } from './failures.ts';
import { type Candidacy, stand } from './relay.ts';
import { shardConfigs } from './shards.ts';

const MIGRATIONS = [
  '0009_dispatch_outbox',
  '0010_relay_state',
  '0011_lifecycle',
  '0016_relay_shards',
  '0017_slot_losses',
  '0030_outbox_messages',
] as const;

export interface BootDeps {
  readonly config: RelayConfig;
  readonly broker: Broker;
  readonly pool: Pool;
  readonly say: (line: string) => void;
  readonly logger: Logger;
}

/**
 * Checks everything the relay stands on, in the documented order, and says so line by line. Whatever fails ends the start
 * with its own message: there is no fallback.
 * @returns the connections on which this replica stands as a candidate, one a shard
 */
export async function boot(deps: BootDeps): Promise<Candidacy[]> {
  const { config, broker, pool, say, logger } = deps;
  say('mode=kafka_outbox');
  await broker.greet(say);
  const topics = (await listTypes(pool, config)).map(jobTopic);
  say(`validating topics: ${topics.length === 0 ? '(no job types registered)' : topics.join(', ')}`);
  sayLine(logger, 'validatingTopics', { count: topics.length });
  if (topics.length > 0) await broker.check(topics);
  say('all topics present');
  await requireLogical(pool);
  const candidacies: Candidacy[] = [];
  try {
    for (const { slot } of shardConfigs(config)) {
      candidacies.push(await stand(config.postgres, slot, config.name));
    }
    say('advisory-lock handshake ok');
    await requireMigrations(pool);
    say(`migration ${MIGRATIONS[0]} applied`);
    return candidacies;
  } catch (error) {
    await Promise.all(candidacies.map(({ connection }) => connection.close()));
    throw error;
  }
}

async function listTypes(pool: Pool, { postgres }: RelayConfig): Promise<StepId[]> {
  try {
    const { rows } = await pool.query<{ type: StepId }>('select type from job_types order by type');
    return rows.map(({ type }) => type);
  } catch (error) {
    const meaning = translate(error, postgres.dsn);
    if (!isMillraceError(meaning) || meaning.code !== 'unavailable') throw meaning;
    throw new MillraceError(
      'database_unreachable',
      `PostgreSQL at ${redact(postgres.dsn)} cannot be reached: ${reasonOf(error)}. Check WE_POSTGRES_DSN, and that the ` +
        'server runs.',
      { cause: error, retryable: true },
    );
  }
}

async function requireLogical(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ level: string }>(`select current_setting('wal_level') as level`);
  const level = rows[0]?.level ?? 'unknown';
  if (level === 'logical') return;
  throw new MillraceError(
    'database_not_logical',
    `PostgreSQL runs with wal_level=${level}, and the relay needs logical. Run as a superuser: ALTER SYSTEM SET wal_level = ` +
      "'logical'; then restart PostgreSQL. (On Amazon RDS: set rds.logical_replication = 1 and reboot.)",
  );
}

async function requireMigrations(pool: Pool): Promise<void> {
  const applied = await pool
    .query<{ name: string }>('select name from schema_migrations where name = any($1::text[])', [MIGRATIONS])
    .catch((error: unknown) => {
      throw translate(error);
    });
  const names = new Set(applied.rows.map(({ name }) => name));
  const missing = MIGRATIONS.filter((name) => !names.has(name));
  if (missing.length === 0) return;
  throw new MillraceError(
    'migration_missing',
    `Migration ${missing.join(' and ')} has not been applied. Run: millrace migrate up`,
  );
}
