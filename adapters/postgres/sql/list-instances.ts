import type { InstanceFilter } from '../../../engine/ports/record-store.ts';
import type { Database } from './database.ts';

export interface InstanceSummaryRow {
  id: string;
  name: string;
  foreign_id: string | null;
  status: string;
  current_step: number;
  total_steps: number;
  failure_reason: string | null;
  created_at: Date;
  updated_at: Date;
  completed_at: Date | null;
}

/** Newest first, without steps and outputs, which may be large. */
export async function selectInstancePage(
  db: Database,
  filter: InstanceFilter,
): Promise<InstanceSummaryRow[]> {
  const { rows } = await db.query<InstanceSummaryRow>(
    `
    select
      id, name, foreign_id, status, current_step, json_array_length(steps) as total_steps, failure_reason, created_at,
      updated_at, completed_at
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
