import type { DefinitionFilter, NewDefinition } from '../../../engine/ports/record-store.ts';
import type { Database } from './database.ts';

export interface DefinitionRow {
  id: string;
  tenant: string;
  version: number;
  name: string;
  document: string;
  uploaded_at: Date;
}

/**
 * Under an id of the operator's, a tenant's versions go on from those that it sees.
 * @returns undefined when the document is known, or another was stored at this very moment
 */
export async function insertDefinition(
  db: Database,
  { id, name, document, hash }: NewDefinition,
): Promise<DefinitionRow | undefined> {
  const { rows } = await db.query<DefinitionRow>(
    `
    insert into workflow_definitions (id, version, name, document, hash)
    select $1::text, coalesce(max(version), 0) + 1, $2::text, $3::json, $4::bytea
    from workflow_definitions
    where id = $1::text and tenant in ('', millrace.current_tenant())
    on conflict do nothing
    returning id, tenant, version, name, document, uploaded_at
    `,
    [id, name, document, hash],
  );
  return rows[0];
}

export async function selectDefinitionByHash(
  db: Database,
  { id, hash }: Pick<NewDefinition, 'id' | 'hash'>,
): Promise<DefinitionRow | undefined> {
  const { rows } = await db.query<DefinitionRow>(
    `
    select id, tenant, version, name, document, uploaded_at
    from workflow_definitions
    where id = $1::text and hash = $2::bytea and tenant = millrace.current_tenant()
    `,
    [id, hash],
  );
  return rows[0];
}

export interface SoughtDefinition {
  readonly id: string;
  readonly version?: number | undefined;
  /** Whose is taken, before nobody's; that of whoever asks unless given. */
  readonly tenant?: string | undefined;
}

export async function selectDefinition(
  db: Database,
  { id, version, tenant }: SoughtDefinition,
): Promise<DefinitionRow | undefined> {
  const { rows } = await db.query<DefinitionRow>(
    `
    select id, tenant, version, name, document, uploaded_at
    from workflow_definitions
    where id = $1::text
      and ($2::integer is null or version = $2)
      and tenant in ('', coalesce($3::text, millrace.current_tenant()))
    order by tenant = '', version desc
    limit 1
    `,
    [id, version ?? null, tenant ?? null],
  );
  return rows[0];
}

export async function selectDefinitionPage(
  db: Database,
  { keyword, after, limit }: DefinitionFilter,
): Promise<DefinitionRow[]> {
  const { rows } = await db.query<DefinitionRow>(
    `
    select distinct on (id) id, tenant, version, name, document, uploaded_at
    from workflow_definitions
    where id not like 'inline/%'
      and tenant in ('', millrace.current_tenant())
      and ($1::text is null or strpos(lower(id), lower($1)) > 0 or strpos(lower(name), lower($1)) > 0)
      and ($2::text is null or id > $2)
    order by id, tenant = '', version desc
    limit $3::integer
    `,
    [keyword ?? null, after ?? null, limit],
  );
  return rows;
}
