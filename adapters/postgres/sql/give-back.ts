import type { JobRecord } from '../../../engine/job.ts';
import type { Database } from './database.ts';

/**
 * Undoes a claim. The lease is part of what must still hold: whoever asked again under the same claim id has had it extended,
 * and keeps the job. It is compared to the millisecond, which is all of it that left the database.
 */
export async function giveBack(db: Database, taken: readonly JobRecord[]): Promise<number> {
  const { rowCount } = await db.query(
    `
    update jobs
    set
      status = 'queued',
      attempt = jobs.attempt - 1,
      token = null,
      worker_id = null,
      lease_until = null,
      started_at = null,
      updated_at = clock_timestamp()
    from unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) as input (id, token, lease_until)
    where jobs.id = input.id
      and jobs.status = 'running'
      and jobs.token = input.token
      and jobs.lease_until < input.lease_until + interval '1 millisecond'
    `,
    [taken.map(({ id }) => id), taken.map(({ token }) => token), taken.map(({ leaseUntil }) => leaseUntil)],
  );
  return rowCount ?? 0;
}
