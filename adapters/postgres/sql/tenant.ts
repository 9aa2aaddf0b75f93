import type { Database } from './database.ts';

/** What a tenant's statements run as: it sees the rows of `millrace.current_tenant()`, and no others (provision-tenants.ts). */
export const TENANT_ROLE = 'millrace_tenant';

/** For the rest of the transaction. */
export async function becomeTenant(db: Database, tenant: string): Promise<void> {
  await db.query(
    `select set_config('role', $1::text, true), set_config('millrace.tenant', $2::text, true)`,
    [TENANT_ROLE, tenant],
  );
}
