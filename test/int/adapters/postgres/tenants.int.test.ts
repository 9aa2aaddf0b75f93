import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { provisionTenants } from '../../../../adapters/postgres/provision-tenants.ts';
import { createPostgresRecordStore } from '../../../../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../../../../adapters/system/engine-deps.ts';
import { enqueueJob } from '../../../../engine/commands/enqueue-jobs.ts';
import type { StepId } from '../../../../events/ids.ts';
import { createAppRole } from '../../../helpers/app-role.ts';
import { createDatabase, type TestDatabase } from '../../../helpers/database.ts';

let database: TestDatabase;
const type = 'noop' as StepId;

beforeAll(async () => {
  database = await createDatabase();
  await createPostgresRecordStore(database.pool()).registerTypes([type]);
});
afterAll(() => database.drop());

function enqueueFor(tenant: string, of = database) {
  const store = createPostgresRecordStore(of.pool(), { tenant });
  return enqueueJob(createEngineDeps(store, 'polling'), { type, payload: '{}', maxRetries: 3 });
}

/** In a transaction of the role, as the API's. */
async function asTenant<T>(
  tenant: string | undefined,
  use: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await database.pool().connect();
  try {
    await client.query('begin; set local role millrace_tenant');
    if (tenant !== undefined) await client.query(`select set_config('millrace.tenant', $1, true)`, [tenant]);
    return await use(client);
  } finally {
    await client.query('rollback');
    client.release();
  }
}

test('a tenant is refused while its database does not keep tenants apart', async () => {
  await using plain = await createDatabase();
  await createPostgresRecordStore(plain.pool()).registerTypes([type]);
  await expect(enqueueFor('acme', plain)).rejects.toMatchObject({ code: 'configuration' });
  const { rows } = await plain.pool().query('select count(*)::integer as count from jobs');
  expect(rows).toEqual([{ count: 0 }]);
});

test('whoever may not make roles, or names one that is not there, is told what to do', async () => {
  await expect(provisionTenants({ dsn: database.adminDsn }, ['nobody_here'])).rejects.toMatchObject({
    code: 'configuration',
    message: expect.stringContaining('Name the role that the API logs in with'),
  });
});

describe('a database that keeps tenants apart', () => {
  beforeAll(async () => {
    const { username } = new URL(database.dsn);
    await provisionTenants({ dsn: database.adminDsn }, [username]);
    await provisionTenants({ dsn: database.adminDsn }, [username]);
    await enqueueFor('acme');
    await database.pool().query(`select millrace.enqueue('noop', '{}')`);
    await database.pool().query(`
      insert into schedules (name, tenant, cron, time_zone, missed, missed_limit, type, payload, max_retries, source)
      select 'nightly', tenant, '0 3 * * *', 'UTC', 'skip', 1, 'noop', '{}', 0, 'api' from unnest(array['', 'acme']) as tenant
    `);
    await database.pool().query(`
      insert into workflow_definitions (id, version, name, document, hash, tenant)
      select id, 1, id, '{}', '', tenant from (values ('flow', 'acme'), ('inline/1', '')) as t (id, tenant)
    `);
  });

  test("shows the role of tenants nothing unless it says which, and not what is nobody's", async () => {
    for (const table of ['jobs', 'schedules', 'workflow_definitions']) {
      const count = (tenant: string | undefined) =>
        asTenant(tenant, async (client) => (await client.query(`select from ${table}`)).rowCount);
      const counts = [await count(undefined), await count(''), await count('other'), await count('acme')];
      expect({ table, counts }).toEqual({ table, counts: [0, 0, 0, 1] });
    }
  });

  test('lets it write and change no row into the hands of another', async () => {
    const insert = `insert into jobs (id, type, status, payload, max_retries, tenant)
      values (gen_random_uuid(), 'noop', 'queued', '{}', 0, 'other')`;
    const updates = ['jobs', 'schedules'].flatMap((table) =>
      ['other', ''].map((tenant) => `update ${table} set tenant = '${tenant}'`),
    );
    for (const sql of [insert, ...updates]) {
      await asTenant('acme', (client) => expect(client.query(sql)).rejects.toThrow(/row-level security/));
    }
  });

  test("shows it the operator's definitions besides, and lets it run by no other tenant's", async () => {
    await database.pool().query(`
      insert into workflow_definitions (id, version, name, document, hash) values ('shared', 1, 'shared', '{}', '')`);
    const instance = (tenant: string) => `
      insert into workflow_instances (id, name, definition_id, definition_version, definition_tenant, status, state, total_steps)
      values (gen_random_uuid(), 'w', '${tenant === '' ? 'shared' : 'flow'}', 1, '${tenant}', 'running', '{}', 1)`;
    await asTenant('other', async (client) => {
      expect((await client.query('select id from workflow_definitions')).rows).toEqual([{ id: 'shared' }]);
      await client.query(instance(''));
      await expect(client.query(instance('acme'))).rejects.toThrow(/row-level security/);
    });
    const upload = (tenant: string) => `
      insert into workflow_definitions (id, version, name, document, hash, tenant) values ('x', 1, 'x', '{}', '', '${tenant}')`;
    for (const tenant of ['acme', ''])
      await asTenant('other', (client) =>
        expect(client.query(upload(tenant))).rejects.toThrow(/row-level security/),
      );
  });

  test('lets it reach no table without policies but those that tell of nobody', async () => {
    const { rows } = await database.pool().query<{ table: string; rights: string[]; is_guarded: boolean }>(`
      select c.relname as table, array_agg(distinct a.privilege_type order by a.privilege_type) as rights,
        c.relrowsecurity as is_guarded
      from pg_class c
      cross join lateral aclexplode(c.relacl) a
      where a.grantee = 'millrace_tenant'::regrole
      group by c.relname, c.relrowsecurity
      order by c.relname
    `);
    expect(rows.filter((row) => !row.is_guarded)).toEqual([
      { table: 'dispatch_outbox', rights: ['INSERT'], is_guarded: false },
      { table: 'job_types', rights: ['SELECT'], is_guarded: false },
      { table: 'millrace_settings', rights: ['SELECT'], is_guarded: false },
    ]);
    expect(rows.filter((row) => row.is_guarded).length).toBe(8);
    const { rows: columns } = await database
      .pool()
      .query<{ name: string }>(
        `select table_name as name from information_schema.columns where column_name = 'tenant' and table_schema = 'public'`,
      );
    const guarded = rows.filter((row) => row.is_guarded).map(({ table }) => table);
    const own = columns.map(({ name }) => name).filter((name) => name !== 'api_keys');
    expect(guarded).toEqual(expect.arrayContaining(own));
  });

  test('shows all to the role that the API logs in with, which is not held to policies as long as it is itself', async () => {
    await using role = await createAppRole(database);
    const client = new pg.Client({ connectionString: role.dsn });
    await client.connect();
    try {
      expect((await client.query('select from jobs')).rowCount).toBe(2);
      const plan = await client.query<{ 'QUERY PLAN': string }>(
        'explain select from jobs where id = gen_random_uuid()',
      );
      expect(JSON.stringify(plan.rows)).not.toContain('tenant');
      await client.query(`begin; set local role millrace_tenant; set local millrace.tenant = 'acme'`);
      expect((await client.query('select from jobs')).rowCount).toBe(1);
      await client.query('commit');
      expect((await client.query('select from jobs')).rowCount).toBe(2);
      expect((await client.query('select from audit_log')).rowCount).not.toBeNull();
    } finally {
      await client.end();
    }
  });

  test('finds the newest jobs of a tenant without looking at those of others', async () => {
    await database.pool().query(`
      insert into jobs (id, type, status, payload, max_retries)
      select millrace.uuid_v7(clock_timestamp()), 'noop', 'queued', '{}', 0 from generate_series(1, 5000);
      analyze jobs
    `);
    const plan = await asTenant('acme', (client) =>
      client.query<{ 'QUERY PLAN': string }>('explain select * from jobs order by id desc limit 50'),
    );
    expect(JSON.stringify(plan.rows)).toContain('jobs_tenant');
  });
});
