import type { ClaimRequest } from '../../../engine/ports/record-store.ts';
import { type JobRow, jobColumns } from '../rows.ts';
import type { Database } from './database.ts';
import { heldUnderTheClaim, leased } from './lease.ts';

/** Whether the id was claimed, and if not the state that stood in the way (null: no such job). */
export type ClaimRow =
  | { claimed: false; current_status: string | null; current_attempt: number }
  | ({ claimed: true } & JobRow);

/**
 * Gives each queued job to this caller. A row that another claim holds at this moment is skipped rather than waited for:
 * two workers with overlapping batches would otherwise queue behind each other, or deadlock. A job that already runs under
 * this very claim is given again: the first answer was lost on its way.
 */
export async function claimJobs(db: Database, request: ClaimRequest): Promise<ClaimRow[]> {
  const { rows } = await db.query<ClaimRow>(
    `
    with input as (
      select id, min(ord) as ord from unnest($5::uuid[]) with ordinality as t (id, ord) group by id
    ), free as materialized (
      select jobs.id
      from jobs
      where jobs.id = any ($5::uuid[]) and jobs.status = 'queued'
      for update skip locked
    ), claimed as (
      update jobs
      set ${leased}
      from free
      where jobs.id = free.id
      returning ${jobColumns}
    ), held as (
      select * from claimed
      union all
      select ${jobColumns}
      from jobs
      where jobs.id = any ($5::uuid[]) and ${heldUnderTheClaim}
    )
    select
      held.id is not null as claimed,
      jobs.status as current_status,
      jobs.attempt as current_attempt,
      held.*
    from input
    left join held on held.id = input.id
    left join jobs on jobs.id = input.id
    order by input.ord
    `,
    [request.workerId, request.leaseMs, request.claimId, false, request.ids],
  );
  return rows;
}
