import type { ClientBase } from 'pg';
import type { Database } from '../../adapters/postgres/sql/database.ts';
import type { Term } from '../../events/ids.ts';
import { createPublication, publicationQuery } from '../publication.ts';
import type { Identity } from '../relay-state.ts';
import type { Shard } from '../shards.ts';

export interface Sharding {
  /** For how many shards packs are made now. */
  readonly shards: number;
  /** What was packed for another number is not published yet. */
  readonly resharding: boolean;
}

export const SHARDING_QUERY = 'select relay_shards as shards, resharding from millrace_settings';

export async function readSharding(db: Database): Promise<Sharding> {
  const { rows } = await db.query<Sharding & Record<string, unknown>>(SHARDING_QUERY);
  return rows[0] ?? { shards: 1, resharding: false };
}

/** Every slot that a relay has led. */
export async function ledSlots(db: Database): Promise<string[]> {
  const { rows } = await db.query<{ slot_name: string }>(
    'select slot_name from relay_state order by slot_name',
  );
  return rows.map(({ slot_name }) => slot_name);
}

/** After every term of every slot. */
export async function nextTerm(db: Database): Promise<Term> {
  const { rows } = await db.query<{ term: string }>(
    'select (coalesce(max(term), 0) + 1)::text as term from relay_state',
  );
  return BigInt(rows[0]?.term ?? 1) as Term;
}

export async function publications(db: Database): Promise<string[]> {
  const { rows } = await db.query<{ pubname: string }>('select pubname from pg_publication order by pubname');
  return rows.map(({ pubname }) => pubname);
}

/**
 * From its commit on packs are made for the new number only. Taking the table's lock waits for every transaction that has
 * written to the outbox; those behind it wait meanwhile, so it gives up soon and is tried again.
 */
export async function fence(
  client: ClientBase,
  shards: number,
  targets: readonly { readonly publication: string; readonly shard: Shard }[],
): Promise<void> {
  await client.query('begin');
  try {
    await client.query(`set local lock_timeout = '1s'`);
    await client.query(`
      alter table dispatch_outbox
        drop constraint dispatch_outbox_packed_for,
        add constraint dispatch_outbox_packed_for check (packed_for in (0, ${shards})) not valid
    `);
    for (const { publication, shard } of targets) {
      const { rows } = await client.query<{ complete: boolean }>(publicationQuery(publication, shard));
      if (rows[0]?.complete) continue;
      await client.query(`drop publication if exists ${publication}`);
      await client.query(createPublication(publication, shard));
    }
    await client.query(
      `
      update millrace_settings
      set relay_shards = $1::smallint, resharding = true, updated_at = clock_timestamp()
      `,
      [shards],
    );
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

/** The shards begin where nothing is left of those before; terms go on rising. */
export async function settleSharding(
  client: ClientBase,
  change: {
    readonly gone: { readonly slots: readonly string[]; readonly publications: readonly string[] };
    readonly slots: readonly string[];
    readonly leader: string;
    readonly term: Term;
    readonly identity: Identity;
  },
): Promise<void> {
  const { gone, identity } = change;
  await client.query('begin');
  try {
    for (const publication of gone.publications)
      await client.query(`drop publication if exists ${publication}`);
    await client.query('delete from relay_state where slot_name = any($1::text[])', [gone.slots]);
    await client.query(
      `
      insert into relay_state (slot_name, term, leader, system_id, timeline, rebuild_reason)
      select slot_name, $2::bigint, $3, $4, $5::integer, 'first_start'
      from unnest($1::text[]) as slot_name
      on conflict (slot_name) do update
      set term = excluded.term, rebuild_reason = excluded.rebuild_reason, updated_at = clock_timestamp()
      `,
      [change.slots, change.term.toString(), change.leader, identity.systemId, identity.timeline],
    );
    await client.query('update millrace_settings set resharding = false, updated_at = clock_timestamp()');
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}
