import { createHash } from 'node:crypto';
import { Client, escapeIdentifier } from 'pg';
import { MillraceError } from '../../engine/errors.ts';
import { retried } from '../retried.ts';
import { connectionOptions, type PostgresLogin } from './connection.ts';
import { codeOf, translate } from './errors.ts';
import { makeRole } from './make-role.ts';
import { TENANT_ROLE } from './sql/tenant.ts';

/**
 * Between the tenants' role and those who may take it. It inherits nothing, so that a role which is let into it may become the
 * tenants' role, and is none of those that the policies are for as long as it has not.
 */
const GATE = 'millrace_tenants';

/** What may be asked for on behalf of a tenant; on every other table the role has no right at all. */
const GRANTS = [
  'select, insert, update on jobs, workflow_instances',
  'select, insert on workflow_definitions, workflow_history, audit_log',
  'select, insert, delete on workflow_user_tasks, workflow_messages',
  'select, insert, update, delete on schedules',
  'select on job_types, millrace_settings',
  'insert on dispatch_outbox',
] as const;

interface Policy {
  /** Which rows are seen, changed and removed. */
  readonly using: string;
  /** Which may be written. */
  readonly check: string;
}

const own = `tenant = millrace.current_tenant() and tenant <> ''`;
/** Rows that hang on an instance. What is written with it in one statement cannot see it yet, and so is not asked. */
const ofInstance = 'exists (select from workflow_instances i where i.id = instance_id)';

/** By table, which rows are the tenant's. A sub-select is itself held to the policies of what it reads. */
const POLICIES: Readonly<Record<string, Policy>> = {
  jobs: { using: own, check: own },
  workflow_instances: { using: own, check: `${own} and definition_tenant in ('', tenant)` },
  schedules: { using: own, check: own },
  workflow_history: { using: ofInstance, check: 'true' },
  workflow_user_tasks: { using: ofInstance, check: 'true' },
  workflow_messages: { using: ofInstance, check: 'true' },
  // The operator's are there for all, but for the chains that he has sent with their steps.
  workflow_definitions: { using: `${own} or tenant = '' and id not like 'inline/%'`, check: own },
  // A row of a pack says when it was published, and is found by way of its jobs only.
  audit_log: {
    using: `exists (select from jobs where jobs.id = job_id) or ${ofInstance} or dispatch_id is not null`,
    check: 'true',
  },
};

/**
 * Makes the role of tenants and the policies that hold it to the rows of one tenant, and lets `apps` take that role; whoever
 * runs it may as well. To be run by the owner of the tables, who may make roles. Repeating it changes nothing.
 *
 * The policies are not forced on the tables' owner: who asks for a tenant is never the owner, and a dump made by an owner who is
 * held to policies fails.
 */
export async function provisionTenants(login: PostgresLogin, apps: readonly string[]): Promise<void> {
  const client = new Client({ ...connectionOptions(login), application_name: 'millrace tenants' });
  try {
    await client.connect();
    await retried(() => makeRoles(client, apps), AT_ONCE);
    if (await isDone(client)) return;
    // The rights with the policies, or neither. Whoever reads the tables for long must not make all others wait behind this.
    await client.query(
      ['begin', `set local lock_timeout = '10s'`, ...statements, ...marks, 'commit'].join(';\n'),
    );
  } catch (error) {
    throw explained(translate(error, login.dsn));
  } finally {
    await client.end();
  }
}

/** The usual reasons why it cannot be done, with what to do. */
function explained(error: unknown): unknown {
  const reason = error instanceof Error ? error.message : '';
  const advice = ADVICE[codeOf(error) ?? ''];
  if (advice === undefined) return error;
  return new MillraceError('configuration', `Tenants are not kept apart yet: ${reason}. ${advice}`, {
    cause: error,
  });
}

const ADVICE: Readonly<Record<string, string>> = {
  '42501':
    'Run this as the owner of the tables, with the right to make roles (createrole), or as a superuser.',
  '42704': 'Name the role that the API logs in with; it must be there already.',
  '55P03': 'A transaction has held the tables for 10 s. Run this again when it has ended.',
};

/** Roles are the whole server's: another of its databases may have them, or be making them at this moment. */
const MEANWHILE = new Set(['23505', '42710', 'XX000']);
const AT_ONCE = { tries: 5, passes: (error: unknown) => MEANWHILE.has(codeOf(error) ?? '') };
async function makeRoles(client: Client, apps: readonly string[]): Promise<void> {
  await makeRole(client, TENANT_ROLE, 'nologin');
  await makeRole(client, GATE, 'nologin noinherit');
  await letIn(client, TENANT_ROLE, GATE);
  const { rows } = await client.query<{ me: string }>('select current_user as me');
  for (const app of [...apps, ...rows.map(({ me }) => me)]) await letIn(client, GATE, app);
}

async function letIn(client: Client, group: string, member: string): Promise<void> {
  const { rowCount } = await client.query(
    'select from pg_auth_members where roleid = $1::regrole and member = $2::regrole',
    [escapeIdentifier(group), escapeIdentifier(member)],
  );
  if (rowCount === 0) await client.query(`grant ${escapeIdentifier(group)} to ${escapeIdentifier(member)}`);
}

const statements = [
  `grant usage on schema public, millrace to ${TENANT_ROLE}`,
  ...GRANTS.map((rights) => `grant ${rights} to ${TENANT_ROLE}`),
  ...Object.entries(POLICIES).flatMap(([table, { using, check }]) => [
    `drop policy if exists millrace_everyone on ${table}`,
    `create policy millrace_everyone on ${table} using (true)`,
    `drop policy if exists millrace_tenant on ${table}`,
    `create policy millrace_tenant on ${table} as restrictive to ${TENANT_ROLE} using (${using}) with check (${check})`,
    `alter table ${table} enable row level security`,
  ]),
];

/** Kept with the policies, to know them again: making them anew locks the tables. */
const mark = createHash('sha256').update(statements.join()).digest('hex');
const marks = Object.keys(POLICIES).map(
  (table) => `comment on policy millrace_tenant on ${table} is '${mark}'`,
);

async function isDone(client: Client): Promise<boolean> {
  const { rowCount } = await client.query(
    `
    select
    from pg_policy
    join pg_class on pg_class.oid = pg_policy.polrelid
    where polname = 'millrace_tenant' and relrowsecurity and obj_description(pg_policy.oid, 'pg_policy') = $1::text
    `,
    [mark],
  );
  return rowCount === Object.keys(POLICIES).length;
}
