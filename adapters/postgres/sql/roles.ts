import type { Database } from './database.ts';

/** Tried, not waited for: a waiting lock would hold a snapshot, and stop vacuum, for as long as it waits. */
export async function tryLockRole(db: Database, key: bigint): Promise<boolean> {
  const { rows } = await db.query<{ locked: boolean }>('select pg_try_advisory_lock($1::bigint) as locked', [
    key.toString(),
  ]);
  return rows[0]?.locked ?? false;
}

/** Begins a term of the role. */
export async function beginTerm(db: Database, role: string): Promise<{ term: bigint; pid: number }> {
  const { rows } = await db.query<{ term: string; pid: number }>(
    `
    insert into role_terms (role, term, holder)
    values ($1::text, 1, pg_backend_pid()::text || '@' || coalesce(inet_client_addr()::text, 'local'))
    on conflict (role) do update
    set term = role_terms.term + 1, holder = excluded.holder, acquired_at = clock_timestamp()
    returning term::text as term, pg_backend_pid() as pid
    `,
    [role],
  );
  const [row] = rows;
  if (!row) throw new Error('an insert or update returned no row');
  return { term: BigInt(row.term), pid: row.pid };
}

/** Whether the session is the one that took the lock (a pooler may have changed it behind our back) and still has it. */
export async function holdsRole(db: Database, { key, pid }: { key: bigint; pid: number }): Promise<boolean> {
  const { rows } = await db.query<{ held: boolean }>(
    `
    select exists (
      select
      from pg_locks
      where locktype = 'advisory'
        and objsubid = 1
        and pid = pg_backend_pid()
        and pid = $2::integer
        and (classid::bigint << 32 | objid::bigint) = $1::bigint
        and granted
    ) as held
    `,
    [key.toString(), pid],
  );
  return rows[0]?.held ?? false;
}
