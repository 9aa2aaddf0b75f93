import type { Database } from './database.ts';

export interface ApiKeyRow {
  id: string;
  name: string;
  hash: Buffer;
  scopes: string[];
  rate_per_second: number | null;
  tenant: string | null;
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
}

export interface NewApiKey {
  readonly id: string;
  readonly name: string;
  readonly hash: Buffer;
  readonly scopes: readonly string[];
  readonly ratePerSecond?: number | undefined;
  readonly tenant?: string | undefined;
  readonly expiresAt?: Date | undefined;
}

export async function insertKey(db: Database, key: NewApiKey): Promise<void> {
  await db.query(
    `
    insert into api_keys (id, name, hash, scopes, rate_per_second, expires_at, tenant)
    values ($1::text, $2::text, $3::bytea, $4::text[], $5::integer, $6::timestamptz, $7::text)
    `,
    [
      key.id,
      key.name,
      key.hash,
      key.scopes,
      key.ratePerSecond ?? null,
      key.expiresAt ?? null,
      key.tenant ?? null,
    ],
  );
}

/** Also of one that is no longer good: who may come in is judged where the time is known. */
export async function selectKey(db: Database, id: string): Promise<ApiKeyRow | undefined> {
  const { rows } = await db.query<ApiKeyRow>('select * from api_keys where id = $1::text', [id]);
  return rows[0];
}

export async function selectKeys(db: Database): Promise<ApiKeyRow[]> {
  const { rows } = await db.query<ApiKeyRow>('select * from api_keys order by created_at, id');
  return rows;
}

/** The key is good until then, and no longer; a key that ends sooner is left as it is. */
export async function endKey(db: Database, id: string, afterMs: number): Promise<ApiKeyRow | undefined> {
  const { rows } = await db.query<ApiKeyRow>(
    `
    update api_keys
    set
      revoked_at = case when $2::double precision = 0 then coalesce(revoked_at, clock_timestamp()) else revoked_at end,
      expires_at = least(expires_at, clock_timestamp() + make_interval(secs => $2::double precision / 1000))
    where id = $1::text
    returning *
    `,
    [id, afterMs],
  );
  return rows[0];
}

/** Those that have ended go with it, so that the table stays as small as the number of people. */
export async function insertSession(
  db: Database,
  session: { readonly hash: Buffer; readonly keyId: string; readonly seconds: number },
): Promise<void> {
  await db.query(
    `
    with ended as (delete from ui_sessions where expires_at < clock_timestamp())
    insert into ui_sessions (hash, key_id, expires_at)
    values ($1::bytea, $2::text, clock_timestamp() + make_interval(secs => $3::integer))
    `,
    [session.hash, session.keyId, session.seconds],
  );
}

/** The key that the session was opened with: with the key, the session ends. */
export async function selectSessionKey(
  db: Database,
  hash: Buffer,
): Promise<(ApiKeyRow & { session_expires_at: Date }) | undefined> {
  const { rows } = await db.query<ApiKeyRow & { session_expires_at: Date }>(
    `
    select api_keys.*, ui_sessions.expires_at as session_expires_at
    from ui_sessions
    join api_keys on api_keys.id = ui_sessions.key_id
    where ui_sessions.hash = $1::bytea
    `,
    [hash],
  );
  return rows[0];
}

export async function deleteSession(db: Database, hash: Buffer): Promise<void> {
  await db.query('delete from ui_sessions where hash = $1::bytea', [hash]);
}
