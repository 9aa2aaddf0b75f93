import type {
  NewTimeout,
  TimeoutPage,
  TimeoutRef,
  TimeoutState,
} from '../../../engine/ports/timeout-store.ts';
import type { Database } from './database.ts';

export interface TimeoutRow {
  workflow: string;
  id: string;
  foreign_id: string;
  run_id: string;
  status: string;
  state: string;
  expires_at: Date;
  created_at: Date;
  ended_at: Date | null;
}

const columns = 'workflow, id, foreign_id, run_id, status, state, expires_at, created_at, ended_at';

export async function insertTimeout(db: Database, timeout: NewTimeout): Promise<boolean> {
  const { rowCount } = await db.query(
    `
    insert into timeouts (workflow, id, foreign_id, run_id, status, expires_at)
    values ($1::text, $2::text, $3::text, $4::text, $5::text, $6::timestamptz)
    on conflict (workflow, id) do nothing
    `,
    [
      timeout.workflow,
      timeout.id,
      timeout.foreignId,
      timeout.runId,
      timeout.status,
      // As text in UTC: a Date would be written in the time zone of this process, of which some hours come twice a year.
      timeout.expiresAt.toISOString(),
    ],
  );
  return rowCount === 1;
}

export async function selectTimeout(db: Database, ref: TimeoutRef): Promise<TimeoutRow | undefined> {
  const { rows } = await db.query<TimeoutRow>(
    `select ${columns} from timeouts where workflow = $1::text and id = $2::text`,
    [ref.workflow, ref.id],
  );
  return rows[0];
}

export async function selectDueTimeouts(
  db: Database,
  workflow: string,
  limit: number,
): Promise<TimeoutRow[]> {
  const { rows } = await db.query<TimeoutRow>(
    `
    select ${columns}
    from timeouts
    where workflow = $1::text and state = 'pending' and expires_at <= clock_timestamp()
    order by expires_at, id
    limit $2::integer
    `,
    [workflow, limit],
  );
  return rows;
}

/** The row's lock lets one of several through; the others find it ended, by the same predicate. */
export async function endTimeout(
  db: Database,
  { workflow, id }: TimeoutRef,
  state: Exclude<TimeoutState, 'pending'>,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `
    update timeouts
    set state = $3::text, ended_at = clock_timestamp()
    where workflow = $1::text and id = $2::text and state = 'pending'
    `,
    [workflow, id, state],
  );
  return rowCount === 1;
}

export async function postponeTimeout(
  db: Database,
  { workflow, id }: TimeoutRef,
  milliseconds: number,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `
    update timeouts
    set expires_at = clock_timestamp() + make_interval(secs => $3::double precision / 1000)
    where workflow = $1::text and id = $2::text and state = 'pending'
    `,
    [workflow, id, milliseconds],
  );
  return rowCount === 1;
}

export async function selectTimeoutPage(
  db: Database,
  workflow: string,
  { state, after, limit }: TimeoutPage,
): Promise<TimeoutRow[]> {
  const { rows } = await db.query<TimeoutRow>(
    `
    select ${columns}
    from timeouts
    where workflow = $1::text and ($2::text is null or state = $2) and ($3::text is null or id > $3)
    order by id
    limit $4::integer
    `,
    [workflow, state ?? null, after ?? null, limit],
  );
  return rows;
}

export async function selectNextTimeout(db: Database, workflow: string): Promise<number | undefined> {
  const { rows } = await db.query<{ ms: number }>(
    `
    select greatest(0, extract(epoch from expires_at - clock_timestamp()) * 1000)::double precision as ms
    from timeouts
    where workflow = $1::text and state = 'pending'
    order by expires_at
    limit 1
    `,
    [workflow],
  );
  return rows[0]?.ms;
}

export async function deleteEndedTimeouts(
  db: Database,
  workflow: string,
  { olderThanMs, limit }: { readonly olderThanMs: number; readonly limit: number },
): Promise<number> {
  const { rowCount } = await db.query(
    `
    delete from timeouts
    where workflow = $1::text and state <> 'pending' and id in (
      select id
      from timeouts
      where
        workflow = $1::text and state <> 'pending'
        and ended_at <= clock_timestamp() - make_interval(secs => $2::double precision / 1000)
      order by ended_at
      limit $3::integer
    )
    `,
    [workflow, olderThanMs, limit],
  );
  return rowCount ?? 0;
}
