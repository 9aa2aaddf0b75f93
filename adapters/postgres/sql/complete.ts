import type { Completion } from '../../../engine/ports/record-store.ts';
import { instanceColumns } from '../instance-rows.ts';
import type { Database } from './database.ts';
import type { LoadedRow } from './read.ts';

export interface CompleteAnswer {
  completed: boolean;
  current_status: string | null;
  holds_token: boolean;
}

/** With the columns of a step that runs under the token, so that to decide about it takes no further statement. */
export type CompleteRow = CompleteAnswer & (LoadedRow | { id: null });

/**
 * Completes the jobs that stand alone and run under the given token. The others are reported as they are: a step of an
 * instance needs a decision first, and a repeated completion gets its first answer.
 */
export async function completeJobs(db: Database, completions: readonly Completion[]): Promise<CompleteRow[]> {
  const { rows } = await db.query<CompleteRow>(
    `
    with input as (
      select *
      from unnest($1::uuid[], $2::uuid[], $3::json[]) with ordinality as t (id, token, result, ord)
    ), locked as materialized (
      select jobs.id, input.result
      from jobs
      join input on input.id = jobs.id and input.token = jobs.token
      where jobs.status = 'running' and jobs.instance_id is null
      order by jobs.id
      for update of jobs
    ), completed as (
      update jobs
      set
        status = 'completed',
        result = locked.result,
        lease_until = null,
        completed_at = clock_timestamp(),
        updated_at = clock_timestamp()
      from locked
      where jobs.id = locked.id
      returning jobs.id
    )
    select
      completed.id is not null and jobs.token = input.token as completed,
      jobs.status as current_status,
      coalesce(jobs.token = input.token, false) as holds_token,
      step.*,
      ${instanceColumns}
    from input
    left join completed on completed.id = input.id
    left join jobs on jobs.id = input.id
    left join jobs as step
      on step.id = jobs.id and step.instance_id is not null and step.status = 'running' and step.token = input.token
    left join workflow_instances i on i.id = step.instance_id
    order by input.ord
    `,
    [
      completions.map(({ id }) => id),
      completions.map(({ token }) => token),
      completions.map(({ result }) => result),
    ],
  );
  return rows;
}
