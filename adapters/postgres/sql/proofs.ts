import type { LeaseProof } from '../../../engine/ports/record-store.ts';
import type { Database } from './database.ts';

/** The proofs in the order of their ids, and where each stood. */
export function proofsInOrder(proofs: readonly LeaseProof[]) {
  const indexes = [...proofs.keys()].sort((a, b) => ((proofs[a]?.id ?? '') < (proofs[b]?.id ?? '') ? -1 : 1));
  return {
    indexes,
    ids: indexes.map((index) => proofs[index]?.id),
    tokens: indexes.map((index) => proofs[index]?.token),
  };
}

export interface StandingRow {
  status: string | null;
  is_step: boolean;
  holds_token: boolean;
}

/** How it stands with the jobs of the proofs, in their order. */
export async function selectStanding(db: Database, proofs: readonly LeaseProof[]): Promise<StandingRow[]> {
  const { rows } = await db.query<StandingRow>(
    `
    select
      jobs.status,
      jobs.instance_id is not null as is_step,
      coalesce(jobs.token = input.token, false) as holds_token
    from unnest((select $1::uuid[]), (select $2::uuid[])) with ordinality as input (id, token, ord)
    left join jobs on jobs.id = input.id
    order by input.ord
    `,
    [proofs.map(({ id }) => id), proofs.map(({ token }) => token)],
  );
  return rows;
}
