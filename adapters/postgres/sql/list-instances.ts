import type { InstanceFilter } from '../../../engine/ports/record-store.ts';
import type { InstanceSummaryRow } from '../instance-rows.ts';
import type { Database } from './database.ts';

/** Newest first, without state and variables, which may be large. */
export async function selectInstancePage(
  db: Database,
  filter: InstanceFilter,
): Promise<InstanceSummaryRow[]> {
  const { rows } = await db.query<InstanceSummaryRow>(
    `
    select
      id, name, foreign_id, definition_id, definition_version, status, current_step, total_steps, failure_reason,
      created_at, updated_at, completed_at
    from workflow_instances
    where ($1::text is null or status = $1)
      and ($2::text is null or name = $2)
      and ($3::text is null or foreign_id = $3)
      and ($4::uuid is null or id < $4)
    order by id desc
    limit $5::integer
    `,
    [
      filter.status ?? null,
      filter.name ?? null,
      filter.foreignId ?? null,
      filter.before ?? null,
      filter.limit,
    ],
  );
  return rows;
}
