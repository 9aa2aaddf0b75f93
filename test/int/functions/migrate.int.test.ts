import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { provisionRoles, TABLES } from '../../../adapters/postgres/provision-roles.ts';
import type { StepId } from '../../../events/ids.ts';
import { runMigrations } from '../../../functions/migrate/run.ts';
import { createPublication } from '../../../relay-cdc/publication.ts';
import { createDatabase, type TestDatabase } from '../../helpers/database.ts';

let db: TestDatabase;
let roles: { app: string; relay: string };

beforeEach(async () => {
  db = await createDatabase({ migrate: false });
  // Roles belong to the cluster, so each test has its own.
  roles = { app: `${db.name}_app`, relay: `${db.name}_relay` };
});
afterEach(async () => {
  const names = Object.values(roles).map((role) => pg.escapeIdentifier(role));
  await admin(async (client) => {
    for (const name of names) {
      const { rowCount } = await client.query('select from pg_roles where quote_ident(rolname) = $1', [
        name.replaceAll('"', ''),
      ]);
      if (rowCount === 0) continue;
      await client.query(`reassign owned by ${name} to current_user`);
      await client.query(`drop owned by ${name}`);
      await client.query(`drop role ${name}`);
    }
  });
  await db.drop();
});

function deploy(mode: 'kafka_outbox' | 'polling' = 'kafka_outbox', tenants = false) {
  const config = { mode, appRole: roles.app, relayRole: roles.relay, tenants };
  return runMigrations({ dsn: db.adminDsn }, config, { types: ['noop' as StepId] });
}

describe('the migrations of a deployment', () => {
  test('bring an empty database to this version, and do nothing the second time', async () => {
    expect((await deploy()).applied).toContain('0009_dispatch_outbox');
    expect((await deploy()).applied).toEqual([]);

    const { rows } = await admin((client) => client.query('select dispatch_mode from millrace_settings'));
    expect(rows).toEqual([{ dispatch_mode: 'kafka_outbox' }]);
    const types = await admin((client) => client.query('select type from job_types'));
    expect(types.rows).toEqual([{ type: 'noop' }]);
  });

  test('let the functions write rows, and neither change tables nor what is not ours', async () => {
    await deploy();
    await admin((client) => client.query('create table orders (id integer)'));

    await as(roles.app, async (client) => {
      await client.query(`select millrace.enqueue('noop', '{}')`);
      await expect(client.query('drop table jobs')).rejects.toThrow(/must be owner/);
      await expect(client.query('select from orders')).rejects.toThrow(/permission denied/);
      await expect(client.query('delete from schema_migrations')).rejects.toThrow(/permission denied/);
    });
  });

  test('let the relay publish the outbox and nothing else', async () => {
    await deploy();

    await as(roles.relay, async (client) => {
      await client.query(createPublication('millrace_outbox_0of2', { index: 0, of: 2 }));
      await client.query('drop publication millrace_outbox');
      await client.query('delete from dispatch_outbox');
      await expect(client.query('create publication other for table jobs')).rejects.toThrow(/must be owner/);
    });
    const { rows } = await db
      .pool()
      .query('select rolreplication from pg_roles where rolname = $1', [roles.relay]);
    expect(rows).toEqual([{ rolreplication: true }]);
  });

  test('without Kafka make no role that may replicate', async () => {
    await deploy('polling');
    const { rowCount } = await db.pool().query('select from pg_roles where rolname = $1', [roles.relay]);
    expect(rowCount).toBe(0);
  });

  test('with tenants let the functions ask for one, and lock no table the second time', async () => {
    const policies = async () =>
      (await db.pool().query('select oid from pg_policy order by oid')).rows.map(({ oid }) => oid);
    await deploy('polling');
    expect(await policies()).toEqual([]);
    await deploy('polling', true);
    const made = await policies();
    expect(made.length).toBeGreaterThan(0);
    await deploy('polling', true);
    expect(await policies()).toEqual(made);

    await as(roles.app, async (client) => {
      await client.query(
        `select set_config('millrace.tenant', 'acme', false), millrace.enqueue('noop', '{}')`,
      );
      await client.query('set role millrace_tenant');
      expect((await client.query('select from jobs')).rowCount).toBe(1);
      await expect(client.query('select from api_keys')).rejects.toThrow(/permission denied/);
    });
  });

  test('give rights to every table that they make', async () => {
    await deploy();
    const { rows } = await db
      .pool()
      .query<{ tablename: string }>(`select tablename from pg_tables where schemaname = 'public'`);
    const made = rows.map(({ tablename }) => tablename).filter((name) => name !== 'schema_migrations');
    expect([...TABLES].sort()).toEqual(made.sort());
  });
});

test('rights can be given again while the roles are at work', async () => {
  await deploy();
  await provisionRoles({ dsn: db.adminDsn }, roles);
});

async function admin<T>(use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: db.adminDsn });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** With the rights of the role, whatever the test's server asks for at the login. */
function as<T>(role: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  return admin(async (client) => {
    await client.query(`set session authorization ${pg.escapeIdentifier(role)}`);
    return use(client);
  });
}
