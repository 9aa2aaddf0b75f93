import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadMigrations, migrate, migrationStatus } from '../../../../adapters/postgres/migrate.ts';
import { createDatabase, type TestDatabase } from '../../../helpers/database.ts';

let database: TestDatabase;
let directory: string;

beforeEach(async () => {
  database = await createDatabase({ migrate: false });
  directory = await mkdtemp(join(tmpdir(), 'millrace-migrations-'));
  await cp(join(import.meta.dirname, '../../../../migrations'), directory, { recursive: true });
});

afterEach(async () => {
  await database.drop();
  await rm(directory, { recursive: true });
});

describe('migrate', () => {
  test('applies every migration once, in order, and does nothing the second time', async () => {
    const names = (await loadMigrations()).map(({ name }) => name);

    const first = await migrate({ dsn: database.dsn });
    const second = await migrate({ dsn: database.dsn });

    expect(first.applied).toEqual(names);
    expect(names).toContain('0009_dispatch_outbox');
    expect(second.applied).toEqual([]);
  });

  test('lets two migrators started at once apply each migration exactly once', async () => {
    const [one, other] = await Promise.all([migrate({ dsn: database.dsn }), migrate({ dsn: database.dsn })]);

    const all = (await loadMigrations()).map(({ name }) => name);
    expect([...one.applied, ...other.applied].sort()).toEqual(all);
  });

  test('refuses a database that a newer version has migrated, naming the migration', async () => {
    await migrate({ dsn: database.dsn });
    await database
      .pool()
      .query(`insert into schema_migrations (version, name, checksum) values (9999, '9999_future', 'x')`);

    await expect(migrate({ dsn: database.dsn })).rejects.toMatchObject({
      code: 'migration_mismatch',
      message: expect.stringContaining('9999_future'),
    });
  });

  test('refuses a migration whose file was changed after it was applied', async () => {
    await migrate({ dsn: database.dsn, directory });
    await writeFile(join(directory, '0001_job_types.sql'), 'create table other (id int);');

    await expect(migrate({ dsn: database.dsn, directory })).rejects.toMatchObject({
      code: 'migration_mismatch',
      message: expect.stringContaining('0001_job_types was changed'),
    });
  });

  test('rolls a failing migration back whole and keeps those before it', async () => {
    await writeFile(join(directory, '9000_broken.sql'), 'create table half (id int); select nonsense;');

    await expect(migrate({ dsn: database.dsn, directory })).rejects.toMatchObject({
      message: expect.stringContaining('9000_broken failed and was rolled back'),
    });

    const { rows } = await database
      .pool()
      .query<{ half: string | null }>(`select to_regclass('half')::text as half`);
    expect(rows[0]?.half).toBeNull();
    expect((await migrationStatus({ dsn: database.dsn, directory })).pending).toEqual(['9000_broken']);
  });

  test('status reads a database that was never migrated without writing to it', async () => {
    const { applied, pending } = await migrationStatus({ dsn: database.dsn });

    expect(applied).toEqual([]);
    expect(pending.length).toBeGreaterThan(0);
    const { rows } = await database
      .pool()
      .query<{ t: string | null }>(`select to_regclass('schema_migrations')::text as t`);
    expect(rows[0]?.t).toBeNull();
  });

  test('says where it tried when the database does not answer', async () => {
    await expect(migrate({ dsn: 'postgres://workflow:secret@127.0.0.1:1/none' })).rejects.toMatchObject({
      message: expect.stringMatching(/127\.0\.0\.1:1\/none(?!.*secret)/),
    });
  });
});
