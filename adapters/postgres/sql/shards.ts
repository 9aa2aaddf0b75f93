import type { Database } from './database.ts';

/** For how many shards packs must be made now. */
export async function readShards(db: Database): Promise<number> {
  const { rows } = await db.query<{ relay_shards: number }>('select relay_shards from millrace_settings');
  return rows[0]?.relay_shards ?? 1;
}
