import { type Client, escapeIdentifier } from 'pg';

/** Unless it is there. @param options as `create role` takes them */
export async function makeRole(client: Client, role: string, options: string): Promise<void> {
  const { rowCount } = await client.query('select from pg_roles where rolname = $1::text', [role]);
  if (rowCount === 0) await client.query(`create role ${escapeIdentifier(role)} ${options}`);
}
