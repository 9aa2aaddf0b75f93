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
 *
 * How it stands with the rest is looked up after, by a statement of its own: hardly ever is there a rest, and to plan both as
 * one took four times as long as the claim of one job.
 */
export async function claimJobs(db: Database, request: ClaimRequest): Promise<ClaimRow[]> {
  const ids = [...new Set<string>(request.ids)];
  const claimed = byId(await takeQueued(db, request, ids));
  const rest = ids.filter((id) => !claimed.has(id));
  const standing = byId(rest.length === 0 ? [] : await selectStanding(db, request, rest));
  return ids.map((id) => {
    const job = claimed.get(id);
    return job ? { claimed: true, ...job } : standingOf(standing.get(id));
  });
}

async function takeQueued(db: Database, request: ClaimRequest, ids: readonly string[]): Promise<JobRow[]> {
  const { rows } = await db.query<JobRow>(
    `
    with free as materialized (
      select jobs.id
      from jobs
      where jobs.id = any ($5::uuid[]) and jobs.status = 'queued'
      for update skip locked
    )
    update jobs
    set ${leased}
    from free
    where jobs.id = free.id
    returning ${jobColumns}
    `,
    [request.workerId, request.leaseMs, request.claimId, false, ids],
    'claim',
  );
  return rows;
}

type Standing = JobRow & { readonly is_held: boolean };

async function selectStanding(
  db: Database,
  { claimId }: ClaimRequest,
  ids: readonly string[],
): Promise<Standing[]> {
  const { rows } = await db.query<Standing>(
    `
    select ${jobColumns}, coalesce(${heldUnderTheClaim('$1')}, false) as is_held
    from jobs
    where jobs.id = any ($2::uuid[])
    `,
    [claimId, ids],
    'claim-standing',
  );
  return rows;
}

function standingOf(row: Standing | undefined): ClaimRow {
  if (row?.is_held) return { claimed: true, ...row };
  return { claimed: false, current_status: row?.status ?? null, current_attempt: row?.attempt ?? 0 };
}

function byId<Row extends { readonly id: string }>(rows: readonly Row[]): Map<string, Row> {
  return new Map(rows.map((row) => [row.id, row]));
}
