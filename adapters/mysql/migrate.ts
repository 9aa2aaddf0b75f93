import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { MillraceError } from '../../engine/errors.ts';
import type { MysqlConfig } from './config.ts';
import { translate } from './errors.ts';
import { addressOf, connectionOptions } from './pool.ts';

const DIRECTORY = join(import.meta.dirname, 'migrations');
const LOCK_SECONDS = 60;

/**
 * Applies what is not applied yet, in order, under a lock.
 * @throws MillraceError `migration_mismatch` when the database has a migration this code does not know, or one whose text
 *   has changed since it was applied: nothing is applied then
 */
export async function migrate(
  config: MysqlConfig,
  onProgress: (line: string) => void = () => undefined,
): Promise<{ readonly applied: readonly string[] }> {
  try {
    const connection = await createConnection({ ...connectionOptions(config), multipleStatements: true });
    try {
      return { applied: await applyPending(connection, onProgress) };
    } finally {
      // The lock goes with it.
      await connection.end();
    }
  } catch (error) {
    throw translate(error, addressOf(config));
  }
}

async function applyPending(connection: Connection, onProgress: (line: string) => void): Promise<string[]> {
  await lock(connection);
  await connection.query(`
    create table if not exists millrace_migrations (
      name varchar(100) character set ascii primary key,
      checksum char(64) character set ascii not null,
      applied_at datetime(3) not null
    ) engine = InnoDB`);
  const known = await loadMigrations();
  const recorded = await readRecorded(connection);
  for (const [name, checksum] of recorded) verify({ name, checksum }, known);
  const pending = known.filter(({ name }) => !recorded.has(name));
  for (const { name, sql, checksum } of pending) {
    // MySQL commits each change of a table by itself, so a file holds statements that may be repeated.
    await connection.query(sql);
    await connection.execute('insert into millrace_migrations values (?, ?, utc_timestamp(3))', [
      name,
      checksum,
    ]);
    onProgress(`migration ${name} applied`);
  }
  return pending.map(({ name }) => name);
}

async function lock(connection: Connection): Promise<void> {
  const [rows] = await connection.query<RowDataPacket[]>('select get_lock(?, ?) as locked', [
    'millrace migrate',
    LOCK_SECONDS,
  ]);
  if (rows[0]?.['locked'] === 1) return;
  throw new MillraceError(
    'unavailable',
    `Another process has been migrating this server for ${LOCK_SECONDS} s. Wait for it, then try again.`,
    { retryable: true },
  );
}

interface Migration {
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

async function loadMigrations(): Promise<Migration[]> {
  const files = (await readdir(DIRECTORY)).filter((file) => /^\d{4}_[a-z0-9_]+\.sql$/.test(file)).sort();
  return Promise.all(
    files.map(async (file) => {
      const sql = await readFile(join(DIRECTORY, file), 'utf8');
      const checksum = createHash('sha256').update(sql.replaceAll('\r\n', '\n')).digest('hex');
      return { name: file.slice(0, -'.sql'.length), sql, checksum };
    }),
  );
}

async function readRecorded(connection: Connection): Promise<Map<string, string>> {
  const [rows] = await connection.query<RowDataPacket[]>('select name, checksum from millrace_migrations');
  return new Map(rows.map((row) => [String(row['name']), String(row['checksum'])]));
}

function verify(row: { name: string; checksum: string }, known: readonly Migration[]): void {
  const migration = known.find(({ name }) => name === row.name);
  if (!migration)
    throw new MillraceError(
      'migration_mismatch',
      `The database has migration ${row.name}, which this version of Millrace does not know. It was migrated by a newer ` +
        'one: upgrade this process.',
    );
  if (migration.checksum !== row.checksum)
    throw new MillraceError(
      'migration_mismatch',
      `Migration ${row.name} was changed after it was applied. Restore the file as it was; put the change into a new one.`,
    );
}
