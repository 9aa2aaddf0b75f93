import type { Database } from './database.ts';

/** Makes the role, where nobody has asked for it before; held by nobody. */
export async function insertRole(db: Database, role: string): Promise<void> {
  await db.execute(
    `
    insert into millrace_roles (role, term, held_until)
    values (:role, 0, utc_timestamp(3))
    on duplicate key update term = term
    `,
    { role },
  );
}

/** Without a lock, so that those who wait do not queue behind the one that renews. */
export async function selectRole(
  db: Database,
  role: string,
): Promise<{ readonly term: string; readonly free: boolean } | undefined> {
  const { rows } = await db.execute<{ term: string; free: number }>(
    `
    select cast(term as char) as term, held_until <= utc_timestamp(3) as free
    from millrace_roles
    where role = :role
    `,
    { role },
  );
  const [row] = rows;
  return row && { term: row.term, free: row.free === 1 };
}

/** Begins the term after this one, if it has ended. Of any number who try, one does. */
export async function beginTerm(
  db: Database,
  { role, after, ttlMs }: { readonly role: string; readonly after: string; readonly ttlMs: number },
): Promise<boolean> {
  const { affected } = await db.execute(
    `
    update millrace_roles
    set term = term + 1, held_until = timestampadd(microsecond, :ttl_us, utc_timestamp(3))
    where role = :role
      and term = cast(:after as unsigned)
      and held_until <= utc_timestamp(3)
    `,
    { role, after, ttl_us: ttlMs * 1_000 },
  );
  return affected === 1;
}

/** Prolongs the term, or ends it now with a `ttlMs` of 0. False when it is over. */
export async function prolongTerm(
  db: Database,
  { role, term, ttlMs }: { readonly role: string; readonly term: string; readonly ttlMs: number },
): Promise<boolean> {
  const { affected } = await db.execute(
    `
    update millrace_roles
    set held_until = timestampadd(microsecond, :ttl_us, utc_timestamp(3))
    where role = :role
      and term = cast(:term as unsigned)
      and held_until > utc_timestamp(3)
    `,
    { role, term, ttl_us: ttlMs * 1_000 },
  );
  return affected === 1;
}
