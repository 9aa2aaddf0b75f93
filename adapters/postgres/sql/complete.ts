import type { Completion } from '../../../engine/ports/record-store.ts';
import { instanceColumns } from '../instance-rows.ts';
import { jobColumns } from '../rows.ts';
import type { Database } from './database.ts';
import { proofsInOrder } from './proofs.ts';
import type { LoadedRow } from './read.ts';

export interface StandingRow {
  index: number;
  current_status: string | null;
  holds_token: boolean;
}

/** With the columns of a step that runs under the token, so that to decide about it takes no further statement. */
export type CompleteRow = StandingRow & (LoadedRow | { id: null });

/**
 * Completes the jobs that stand alone and run under the given token. @returns how it stands with each of the others, by index
 *
 * What makes it one index step a job, in the order of the ids, which is that of every statement that takes rows of several
 * jobs: the planner does not see how long the arrays from a sub-select are, and takes them for short; and `lease_until is not
 * null`, which says "running" (the constraint jobs_lease), keeps it from the index of what runs, where an outdated statistic
 * of "none" led to comparing each of these with each that runs. Locking the rows first, and joining what was updated to
 * what was asked, cost 45 µs a job instead of 12; in a table of 300,000, 90.
 */
export async function completeJobs(
  db: Database,
  completions: readonly Completion[],
): Promise<ReadonlyMap<number, CompleteRow>> {
  const { indexes, ids, tokens } = proofsInOrder(completions);
  const { rows } = await db.query<CompleteRow>(
    `
    with completed as (
      update jobs
      set
        status = 'completed',
        result = input.result,
        lease_until = null,
        completed_at = clock_timestamp(),
        updated_at = clock_timestamp()
      from unnest((select $1::uuid[]), (select $2::uuid[]), (select $3::json[]), (select $4::integer[])) as input (
        id, token, result, index
      )
      where jobs.id = input.id and jobs.token = input.token and jobs.lease_until is not null and jobs.instance_id is null
      returning input.index
    )
    select
      rest.index,
      standing.status as current_status,
      coalesce(standing.token = rest.token, false) as holds_token,
      ${jobColumns},
      ${instanceColumns}
    from unnest((select $1::uuid[]), (select $2::uuid[]), (select $4::integer[])) as rest (id, token, index)
    left join jobs as standing on standing.id = rest.id
    left join jobs
      on jobs.id = standing.id and jobs.instance_id is not null and jobs.status = 'running' and jobs.token = rest.token
    left join workflow_instances i on i.id = jobs.instance_id
    -- A look-up in what was hashed once, not a comparison of each with each.
    where rest.index not in (select index from completed)
    `,
    [ids, tokens, indexes.map((index) => completions[index]?.result), indexes],
    'complete',
  );
  return new Map(rows.map((row) => [row.index, row]));
}
