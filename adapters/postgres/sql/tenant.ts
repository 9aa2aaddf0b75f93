import type { Database } from './database.ts';

/** What a tenant's statements run as: it sees the rows of `millrace.current_tenant()`, and no others (provision-tenants.ts). */
export const TENANT_ROLE = 'millrace_tenant';

/** For the rest of the transaction. @returns whether the policies are there, and hold this role */
export async function becomeTenant(db: Database, tenant: string): Promise<boolean> {
  const { rows } = await db.query<{ held: boolean }>(
    `
    select
      set_config('role', $1::text, true),
      set_config('millrace.tenant', $2::text, true),
      row_security_active('jobs') and row_security_active('workflow_instances') as held
    `,
    [TENANT_ROLE, tenant],
  );
  return rows[0]?.held ?? false;
}
