import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { isMillraceError, MillraceError } from '../../engine/errors.ts';
import { connectionOptions, type PostgresLogin } from './connection.ts';
import { translate } from './errors.ts';

export interface Migration {
  readonly version: number;
  /** File name without `.sql`: `0009_dispatch_outbox`. */
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

export interface MigrateOptions extends PostgresLogin {
  /** Where the numbered SQL files are; the project's own `migrations/` unless given. */
  readonly directory?: string;
  readonly onProgress?: (line: string) => void;
}

export interface MigrationStatus {
  readonly applied: readonly string[];
  readonly pending: readonly string[];
}

/** Two migrators never interleave: the second waits here. Any number of ours that nobody else uses. */
const LOCK_KEY = 7_041_992_118_334_552n;

/**
 * Applies what is not applied yet, each file in its own transaction, under a lock.
 * @throws MillraceError `migration_mismatch` when the database has a migration this code does not know, or one whose text
 *   has changed since it was applied: nothing is applied then
 */
export async function migrate(options: MigrateOptions): Promise<{ applied: string[] }> {
  return withClient(options, async (client) => {
    await client.query('select pg_advisory_lock($1::bigint)', [LOCK_KEY.toString()]);
    const pending = await findPending(client, options.directory);
    for (const migration of pending) {
      await applyOne(client, migration);
      options.onProgress?.(`migration ${migration.name} applied`);
    }
    return { applied: pending.map((migration) => migration.name) };
  });
}

/** What is applied and what is not, changing nothing. */
export async function migrationStatus(options: MigrateOptions): Promise<MigrationStatus> {
  return withClient(options, async (client) => {
    const pending = await findPending(client, options.directory, { create: false });
    const names = new Set(pending.map((migration) => migration.name));
    const all = await loadMigrations(options.directory);
    return {
      applied: all.filter(({ name }) => !names.has(name)).map(({ name }) => name),
      pending: pending.map(({ name }) => name),
    };
  });
}

export async function loadMigrations(directory = defaultDirectory()): Promise<Migration[]> {
  const files = (await readdir(directory)).filter((file) => /^\d{4}_[a-z0-9_]+\.sql$/.test(file)).sort();
  return Promise.all(
    files.map(async (file) => {
      const sql = await readFile(join(directory, file), 'utf8');
      const checksum = createHash('sha256').update(sql.replaceAll('\r\n', '\n')).digest('hex');
      return { version: Number(file.slice(0, 4)), name: file.slice(0, -'.sql'.length), sql, checksum };
    }),
  );
}

function defaultDirectory(): string {
  return fileURLToPath(new URL('../../migrations', import.meta.url));
}

async function findPending(
  client: Client,
  directory: string | undefined,
  options: { create: boolean } = { create: true },
): Promise<Migration[]> {
  const known = await loadMigrations(directory);
  const recorded = await readRecorded(client, options);
  for (const row of recorded.values()) verify(row, known);
  return known.filter(({ version }) => !recorded.has(version));
}

interface Recorded {
  version: number;
  name: string;
  checksum: string;
}

async function readRecorded(client: Client, options: { create: boolean }): Promise<Map<number, Recorded>> {
  if (options.create) {
    await client.query(`
      create table if not exists schema_migrations (
        version integer primary key,
        name text not null,
        checksum text not null,
        applied_at timestamptz not null default clock_timestamp()
      )`);
  }
  const exists = await client.query<{ exists: boolean }>(
    `select to_regclass('schema_migrations') is not null as exists`,
  );
  if (!exists.rows[0]?.exists) return new Map();
  const { rows } = await client.query<Recorded>('select version, name, checksum from schema_migrations');
  return new Map(rows.map((row) => [row.version, row]));
}

function verify(row: Recorded, known: readonly Migration[]): void {
  const migration = known.find(({ version }) => version === row.version);
  if (!migration) {
    throw new MillraceError(
      'migration_mismatch',
      `The database has migration ${row.name}, which this version of Millrace does not know. It was migrated by a newer ` +
        'one: upgrade this process.',
    );
  }
  if (migration.checksum !== row.checksum || migration.name !== row.name) {
    throw new MillraceError(
      'migration_mismatch',
      `Migration ${row.name} was changed after it was applied. Restore the file as it was; put the change into a new one.`,
    );
  }
}

async function applyOne(client: Client, migration: Migration): Promise<void> {
  try {
    await client.query('begin');
    await client.query(migration.sql);
    await client.query('insert into schema_migrations (version, name, checksum) values ($1, $2, $3)', [
      migration.version,
      migration.name,
      migration.checksum,
    ]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    const reason = error instanceof Error ? error.message : String(error);
    throw new MillraceError(
      'migration_mismatch',
      `Migration ${migration.name} failed and was rolled back: ${reason}`,
      {
        cause: error,
      },
    );
  }
}

async function withClient<T>(login: PostgresLogin, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({
    ...connectionOptions(login),
    application_name: 'millrace migrate',
    connectionTimeoutMillis: 5_000,
  });
  try {
    await client.connect();
    return await use(client);
  } catch (error) {
    throw isMillraceError(error) ? error : translate(error, login.dsn);
  } finally {
    await client.end();
  }
}
