import pg from 'pg';
import { provisionRoles } from '../../adapters/postgres/provision-roles.ts';
import { provisionTenants } from '../../adapters/postgres/provision-tenants.ts';
import type { TestDatabase } from './database.ts';

/** A role with the rights that a deployment's functions have, and the tenants of its database kept apart. */
export interface AppRole extends AsyncDisposable {
  readonly name: string;
  readonly dsn: string;
}

export async function createAppRole(database: TestDatabase): Promise<AppRole> {
  // Roles belong to the cluster.
  const name = `${database.name}_app`;
  await provisionRoles({ dsn: database.adminDsn }, { app: name, relay: undefined });
  await provisionTenants({ dsn: database.adminDsn }, [name]);
  const role = pg.escapeIdentifier(name);
  const run = async (sql: string) => {
    const client = new pg.Client({ connectionString: database.adminDsn });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  };
  await run(`alter role ${role} password 'secret'`);
  const dsn = new URL(database.dsn);
  dsn.username = name;
  dsn.password = 'secret';
  return {
    name,
    dsn: dsn.href,
    [Symbol.asyncDispose]: () => run(`drop owned by ${role}; drop role ${role}`),
  };
}
