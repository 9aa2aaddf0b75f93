import type { Completion } from '../../../engine/ports/record-store.ts';
import type { Database } from './database.ts';
import { proofsInOrder } from './proofs.ts';

/**
 * Completes the jobs that stand alone and run under the given token. @returns the indexes of those that it completed
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
): Promise<ReadonlySet<number>> {
  const { indexes, ids, tokens } = proofsInOrder(completions);
  const { rows } = await db.query<{ index: number }>(
    `
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
    `,
    [ids, tokens, indexes.map((index) => completions[index]?.result), indexes],
    'complete',
  );
  return new Set(rows.map(({ index }) => index));
}
