import type { DefinitionPageFilter, InstancePageFilter } from '../../../engine/ports/paged-reads.ts';
import { type InstanceRow, instanceColumns } from '../instance-rows.ts';
import type { Database } from './database.ts';
import type { DefinitionRow } from './definitions.ts';

export type Counted<Row> = Row & { total: number };

/** A page beyond the last one is one row without an id, for the total. */
export async function selectInstancesByNumber(
  db: Database,
  filter: InstancePageFilter,
): Promise<Counted<InstanceRow | { instance_key: null }>[]> {
  const { rows } = await db.query<Counted<InstanceRow | { instance_key: null }>>(
    `
    with found as materialized (
      select i.id
      from workflow_instances i
      where ($1::text is null or i.definition_id = $1)
        and ($2::text is null or i.foreign_id = $2)
        and ($3::text[] is null or i.status = any ($3))
        and (
          $4::boolean is null
          or $4 = exists (
            select
            from workflow_definitions d
            cross join lateral json_array_elements(d.document -> 'steps') as step
            join json_array_elements(i.state -> 'tokens') as token on token ->> 'step' = step ->> 'id'
            where d.id = i.definition_id
              and d.version = i.definition_version
              and d.tenant = i.definition_tenant
              and step ->> 'type' in ('USER_TASK', 'WAIT')
          )
        )
    ), page as (
      select id from found order by id desc offset $5::integer limit $6::integer
    )
    select ${instanceColumns}, total.count as total
    from (select count(*)::integer as count from found) as total
    left join page on true
    left join workflow_instances i on i.id = page.id
    order by i.id desc
    `,
    [
      filter.definitionId ?? null,
      filter.foreignId ?? null,
      filter.statuses ?? null,
      filter.waiting ?? null,
      filter.offset,
      filter.limit,
    ],
  );
  return rows;
}

export async function selectDefinitionsByNumber(
  db: Database,
  { keyword, offset, limit }: DefinitionPageFilter,
): Promise<Counted<DefinitionRow | { id: null }>[]> {
  const { rows } = await db.query<Counted<DefinitionRow | { id: null }>>(
    `
    with latest as materialized (
      select distinct on (id) id, version, tenant
      from workflow_definitions
      where id not like 'inline/%' and tenant in ('', millrace.current_tenant())
      order by id, tenant = '', version desc
    ), found as materialized (
      select id, version, tenant
      from latest
      join workflow_definitions d using (id, version, tenant)
      where $1::text is null
        or strpos(lower(id), lower($1)) > 0
        or strpos(lower(d.name), lower($1)) > 0
    ), page as (
      select id, version, tenant from found order by id offset $2::integer limit $3::integer
    )
    select d.id, d.tenant, d.version, d.name, d.document, d.uploaded_at, total.count as total
    from (select count(*)::integer as count from found) as total
    left join page on true
    left join workflow_definitions d on d.id = page.id and d.version = page.version and d.tenant = page.tenant
    order by d.id
    `,
    [keyword ?? null, offset, limit],
  );
  return rows;
}
