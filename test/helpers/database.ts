import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { inject } from 'vitest';
import './provided.ts';

export interface TestDatabase extends AsyncDisposable {
  readonly dsn: string;
  /** As the superuser, for what a test must do behind the system's back. */
  readonly adminDsn: string;
  readonly name: string;
  /** One pool, opened on first use and closed by `drop`. */
  pool(): pg.Pool;
  /** Ends its sessions, drops its replication slots, then the database. Safe to call twice. */
  drop(): Promise<void>;
}

/**
 * A database of its own on the cluster of the run. Migrated unless told otherwise. Publications belong to the database;
 * slots belong to the cluster, so `drop` must be called, or one test's slot holds back the log of all.
 */
export async function createDatabase(
  options: { readonly migrate?: boolean; readonly name?: string } = {},
): Promise<TestDatabase> {
  const name = options.name ?? `test_${randomBytes(6).toString('hex')}`;
  const owner = inject('WE_TEST_POSTGRES_DSN');
  await query(owner, `create database ${pg.escapeIdentifier(name)}`);
  const dsn = withDatabase(owner, name);
  if (options.migrate !== false) {
    const { migrate } = await import('../../adapters/postgres/migrate.ts');
    await migrate({ dsn });
  }
  return handle(name, { dsn, adminDsn: withDatabase(inject('WE_TEST_POSTGRES_ADMIN_DSN'), name) });
}

function handle(name: string, addresses: { dsn: string; adminDsn: string }): TestDatabase {
  let pool: pg.Pool | undefined;
  let dropping: Promise<void> | undefined;
  const drop = async (): Promise<void> => {
    await pool?.end();
    await dropSlots(addresses.adminDsn);
    await query(
      inject('WE_TEST_POSTGRES_ADMIN_DSN'),
      `drop database ${pg.escapeIdentifier(name)} with (force)`,
    );
  };
  const dropOnce = (): Promise<void> => {
    dropping ??= drop();
    return dropping;
  };
  return {
    ...addresses,
    name,
    pool: () => {
      pool ??= openPool(addresses.dsn);
      return pool;
    },
    drop: dropOnce,
    [Symbol.asyncDispose]: dropOnce,
  };
}

function openPool(dsn: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: dsn, max: 5 });
  // `end` resolves before the server has closed the sessions, and the forced drop then ends the last of them: by that time
  // the pool listens to its clients no more. While it does, it tells of their errors as ever.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

const SLOT_DEADLINE_MS = 10_000;

/** A slot cannot be dropped while a walsender holds it, and one that was terminated takes a moment to go. */
async function dropSlots(adminDsn: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminDsn });
  await client.connect();
  try {
    const deadline = performance.now() + SLOT_DEADLINE_MS;
    for (;;) {
      await client.query(
        'select pg_terminate_backend(active_pid) from pg_replication_slots where database = current_database() and active_pid is not null',
      );
      await client.query(
        'select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database() and active_pid is null',
      );
      const left = await client.query<{ slot_name: string }>(
        'select slot_name from pg_replication_slots where database = current_database()',
      );
      if (left.rowCount === 0) return;
      if (performance.now() > deadline) {
        throw new Error(
          `slots still in use: ${left.rows.map((row) => row.slot_name).join(', ')}; stop the relay before drop()`,
        );
      }
      await delay(20);
    }
  } finally {
    await client.end();
  }
}

async function query(dsn: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: dsn });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

function withDatabase(dsn: string, name: string): string {
  const url = new URL(dsn);
  url.pathname = `/${name}`;
  return url.href;
}
