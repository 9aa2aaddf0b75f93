import { Client, escapeIdentifier } from 'pg';
import { MillraceError } from '../../engine/errors.ts';
import { connectionOptions, type PostgresLogin } from './connection.ts';
import { translate } from './errors.ts';
import { makeRole } from './make-role.ts';
import { STATEMENT_TIMEOUT_MS } from './pool.ts';

/** The roles that the parts of a deployment log in with. Neither has a password: on RDS both log in by IAM. */
export interface Roles {
  /** Reads and writes rows. */
  readonly app: string;
  /** Besides: replicates, and owns the outbox and its publications, which only their owner can make anew. */
  readonly relay: string | undefined;
}

/** Every table of the migrations but their own; a test compares them. */
export const TABLES = [
  'job_types',
  'workflow_instances',
  'jobs',
  'audit_log',
  'undecodable_records',
  'dispatch_outbox',
  'relay_state',
  'role_terms',
  'millrace_settings',
  'rate_starts',
  'schedules',
  'workflow_definitions',
  'workflow_history',
  'workflow_user_tasks',
  'workflow_messages',
  'eventbus_streams',
  'eventbus_consumers',
  'eventbus_events',
  'eventbus_event_deliveries',
  'eventbus_log_streams',
  'eventbus_log_consumers',
  'eventbus_log_deliveries',
  'eventbus_log_places',
  'api_keys',
  'ui_sessions',
  'timeouts',
  'workflow_records',
  'workflow_outbox',
] as const;

/**
 * Makes the roles and gives them what they need and no more. To be run after the migrations, by the role that ran them;
 * repeating it changes nothing.
 */
export async function provisionRoles(login: PostgresLogin, roles: Roles): Promise<void> {
  const client = new Client({ ...connectionOptions(login), application_name: 'millrace migrate' });
  try {
    await client.connect();
    for (const role of [roles.app, roles.relay]) {
      if (role === undefined) continue;
      await createRole(client, role);
      await client.query(rowRights(escapeIdentifier(role)));
    }
    // Of the role and not of its connections, for a pooler may refuse those that bring settings.
    await client.query(
      `alter role ${escapeIdentifier(roles.app)} set statement_timeout = ${STATEMENT_TIMEOUT_MS}`,
    );
    if (roles.relay !== undefined) await provisionRelay(client, roles.relay);
  } catch (error) {
    throw translate(error, login.dsn);
  } finally {
    await client.end();
  }
}

/** @throws MillraceError `database_not_logical` when the relay could not read this server's log */
export async function requireLogicalLog(login: PostgresLogin): Promise<void> {
  const client = new Client({ ...connectionOptions(login), application_name: 'millrace migrate' });
  try {
    await client.connect();
    const { rows } = await client.query<{ level: string }>(`select current_setting('wal_level') as level`);
    if (rows[0]?.level === 'logical') return;
    throw new MillraceError(
      'database_not_logical',
      `PostgreSQL runs with wal_level=${rows[0]?.level}, and the relay needs logical. On RDS set rds.logical_replication = 1 in ` +
        'the parameter group and reboot; elsewhere set wal_level = logical and restart. Nothing was changed.',
    );
  } catch (error) {
    throw translate(error, login.dsn);
  } finally {
    await client.end();
  }
}

async function createRole(client: Client, role: string): Promise<void> {
  await makeRole(client, role, 'login');
  // Exists on RDS only; whoever has it logs in by IAM and by nothing else.
  await grantIfThere(client, 'rds_iam', role);
}

/** Rows of our own tables; not the tables themselves, and nothing else in the database, which is the user's as well. */
function rowRights(role: string): string {
  return `
    grant usage on schema public, millrace to ${role};
    grant select on schema_migrations to ${role};
    grant select, insert, update, delete on ${TABLES.join(', ')} to ${role}`;
}

async function provisionRelay(client: Client, relay: string): Promise<void> {
  const role = escapeIdentifier(relay);
  if (!(await grantIfThere(client, 'rds_replication', relay))) {
    await client.query(`alter role ${role} replication`);
  }
  // Later migrations must still be able to change the table, so who runs them has the new owner's rights too.
  await client.query(`grant ${role} to current_user`);
  const { rows } = await client.query<{ database: string }>('select current_database() as database');
  await client.query(`grant create on database ${escapeIdentifier(rows[0]?.database ?? '')} to ${role}`);
  await client.query(`grant create on schema public to ${role}`);
  await client.query(`alter table dispatch_outbox owner to ${role}`);
  await client.query(`revoke create on schema public from ${role}`);
  const publications = await client.query<{ name: string }>(
    "select pubname as name from pg_publication_tables where tablename = 'dispatch_outbox'",
  );
  for (const { name } of publications.rows) {
    await client.query(`alter publication ${escapeIdentifier(name)} owner to ${role}`);
  }
}

async function grantIfThere(client: Client, group: string, role: string): Promise<boolean> {
  const { rowCount } = await client.query('select from pg_roles where rolname = $1::text', [group]);
  if (rowCount === 0) return false;
  await client.query(`grant ${escapeIdentifier(group)} to ${escapeIdentifier(role)}`);
  return true;
}
