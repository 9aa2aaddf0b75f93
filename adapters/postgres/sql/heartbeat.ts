import type { LeaseProof } from '../../../engine/ports/record-store.ts';
import type { Database } from './database.ts';
import { proofsInOrder } from './proofs.ts';

/**
 * Extends the leases that are held with the given tokens, from now, by the database's clock. @returns until when, by index;
 * for how the statement takes its rows see complete.ts
 */
export async function extendLeases(
  db: Database,
  leases: readonly LeaseProof[],
  leaseMs: number,
): Promise<ReadonlyMap<number, Date>> {
  const { indexes, ids, tokens } = proofsInOrder(leases);
  const { rows } = await db.query<{ index: number; lease_until: Date }>(
    `
    update jobs
    set
      lease_until = clock_timestamp() + $4::double precision * interval '1 millisecond',
      updated_at = clock_timestamp()
    from unnest((select $1::uuid[]), (select $2::uuid[]), (select $3::integer[])) as input (id, token, index)
    where jobs.id = input.id and jobs.token = input.token and jobs.lease_until is not null
    returning input.index, jobs.lease_until
    `,
    [ids, tokens, indexes, leaseMs],
    'heartbeat',
  );
  return new Map(rows.map(({ index, lease_until }) => [index, lease_until]));
}
