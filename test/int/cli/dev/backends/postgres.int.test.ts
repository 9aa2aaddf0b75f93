import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PostgresServer, startPostgres } from '../../../../../cli/dev/backends/postgres.ts';
import { isAlive } from '../../../../../cli/dev/backends/processes.ts';
import { failOnLeftoverProcesses } from '../../../../helpers/leaks.ts';
import { orphan } from './kill-parent.ts';

failOnLeftoverProcesses();

let root: string;
beforeAll(async () => {
  // Mode 0700, of root in containers: a place the server's own user may not enter by itself.
  root = await mkdtemp(join(tmpdir(), 'millrace-postgres-'));
});
afterAll(() => rm(root, { recursive: true }));

async function query(server: PostgresServer, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: server.dsn });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

describe.each([18, 17, 15] as const)('PostgreSQL %i', (version) => {
  test('decodes logically, keeps its data between starts and leaves no process', async () => {
    const dataDir = join(root, `keeps-${version}`);
    const first = await startPostgres({ dataDir, version });
    expect(
      await query(
        first,
        "select current_setting('server_version_num')::int / 10000 as major, current_setting('wal_level') as wal",
      ),
    ).toEqual([{ major: version, wal: 'logical' }]);
    await query(first, 'create table kept (id int)');
    await query(first, 'insert into kept values (7)');
    await first.stop();
    expect(await isAlive(first.pid ?? 0)).toBe(false);

    const second = await startPostgres({ dataDir, version });
    expect(await query(second, 'select id from kept')).toEqual([{ id: 7 }]);
    await second.stop();
    await second.stop();
  });

  test('has a role that replicates, and is not a superuser', async () => {
    const server = await startPostgres({ dataDir: join(root, `role-${version}`), version });
    try {
      const roles = await query(
        server,
        "select rolreplication, rolsuper from pg_roles where rolname = 'workflow'",
      );
      expect(roles).toEqual([{ rolreplication: true, rolsuper: false }]);
      const slots = await query(
        server,
        "select slot_name from pg_create_logical_replication_slot('s', 'pgoutput')",
      );
      expect(slots).toEqual([{ slot_name: 's' }]);
    } finally {
      await server.stop();
    }
  });
});

test('a server left over by a killed parent is replaced, and its data is there', async () => {
  const dataDir = join(root, 'orphaned');
  const [left = 0] = await orphan('postgres', dataDir);
  expect(await isAlive(left)).toBe(true);

  const lines: string[] = [];
  const server = await startPostgres({ dataDir, onProgress: (line) => lines.push(line) });
  try {
    expect(await isAlive(left)).toBe(false);
    expect(lines).toEqual([`stopping a PostgreSQL left over on ${dataDir} (process ${left})`]);
    expect(await query(server, 'select 1 as one')).toEqual([{ one: 1 }]);
  } finally {
    await server.stop();
  }
});

test('a crash is recovered from, also when the pid in the pid file is by now another process', async () => {
  const dataDir = join(root, 'crashed');
  const first = await startPostgres({ dataDir });
  await query(first, 'create table kept as select 7 as id');
  await first.kill('immediate');
  await first.stop();
  await writeFile(join(dataDir, 'postmaster.pid'), `${process.pid}\n${dataDir}\n`);

  const second = await startPostgres({ dataDir });
  expect(await query(second, 'select id from kept')).toEqual([{ id: 7 }]);
  await second.stop();
});

test('settings given win over the defaults', async () => {
  const server = await startPostgres({
    dataDir: join(root, 'settings'),
    settings: { wal_level: 'replica', max_replication_slots: '3' },
  });
  expect(
    await query(
      server,
      "select current_setting('wal_level') as wal, current_setting('max_replication_slots') as slots",
    ),
  ).toEqual([{ wal: 'replica', slots: '3' }]);
  await server.stop();
});

test('a wrong password is refused', async () => {
  const server = await startPostgres({ dataDir: join(root, 'password') });
  const client = new pg.Client({ connectionString: server.dsn.replace('workflow@', 'wrong@') });
  await expect(client.connect()).rejects.toThrow(/password authentication failed/);
  await server.stop();
});

test('a directory of another version is refused by name, and stays as it is', async () => {
  const dataDir = join(root, 'versions');
  await (await startPostgres({ dataDir, version: 17 })).stop();
  await expect(startPostgres({ dataDir, version: 18 })).rejects.toThrow(/made by PostgreSQL 17.*by 18/);
  await (await startPostgres({ dataDir, version: 17 })).stop();
});

test('a directory with other things in it is refused, and stays as it is', async () => {
  const dataDir = await mkdtemp(join(root, 'foreign-'));
  await writeFile(join(dataDir, 'letter.txt'), 'dear reader');
  await expect(startPostgres({ dataDir })).rejects.toThrow(/holds other files/);
});

test('a taken port is named', async () => {
  const first = await startPostgres({ dataDir: join(root, 'port-a') });
  await expect(startPostgres({ dataDir: join(root, 'port-b'), port: first.port })).rejects.toThrow(
    new RegExp(`Port ${first.port} is taken`),
  );
  await first.stop();
});
