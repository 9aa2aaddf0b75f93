import type { LeaseProof } from '../../../engine/ports/record-store.ts';
import type { Database } from './database.ts';

export interface HeartbeatRow {
  lease_until: Date | null;
  status: string | null;
}

/** Extends the leases that are held with the given tokens, from now, by the database's clock. */
export async function extendLeases(
  db: Database,
  leases: readonly LeaseProof[],
  leaseMs: number,
): Promise<HeartbeatRow[]> {
  const { rows } = await db.query<HeartbeatRow>(
    `
    with input as (
      select * from unnest($1::uuid[], $2::uuid[]) with ordinality as t (id, token, ord)
    ), locked as materialized (
      select jobs.id
      from jobs
      join input on input.id = jobs.id and input.token = jobs.token
      where jobs.status = 'running'
      order by jobs.id
      for update of jobs
    ), extended as (
      update jobs
      set
        lease_until = clock_timestamp() + $3::double precision * interval '1 millisecond',
        updated_at = clock_timestamp()
      from locked
      where jobs.id = locked.id
      returning jobs.id, jobs.token, jobs.lease_until
    )
    select extended.lease_until, jobs.status
    from input
    left join extended on extended.id = input.id and extended.token = input.token
    left join jobs on jobs.id = input.id
    order by input.ord
    `,
    [leases.map(({ id }) => id), leases.map(({ token }) => token), leaseMs],
  );
  return rows;
}
