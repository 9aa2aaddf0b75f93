import type { BenchStack } from '../environment.ts';

export const PEER_TABLE = 'peer_outbox';
export const PEER_PUBLICATION = 'peer_outbox';
export const PEER_BASE_SLOT = 'peer_base';
export const PEER_AGGREGATE = 'bench';

/** The table of Debezium's outbox event router, with the columns it asks for; beside it the one of pg-transactional-outbox. */
export async function createPeerOutboxes({ pool }: BenchStack): Promise<void> {
  await pool.query(`
    create table if not exists ${PEER_TABLE} (
      id uuid primary key,
      aggregatetype text not null,
      aggregateid text not null,
      type text not null,
      payload text not null
    )
  `);
  const { rowCount } = await pool.query('select from pg_publication where pubname = $1', [PEER_PUBLICATION]);
  if (rowCount === 0) {
    await pool.query(
      `create publication ${PEER_PUBLICATION} for table ${PEER_TABLE} with (publish = 'insert')`,
    );
  }
}

/** The same messages that our outbox is filled with: key and id of 36 characters, a value of so many bytes. */
export async function fillPeerOutbox(
  { pool }: BenchStack,
  shape: { readonly messages: number; readonly perTransaction: number; readonly valueBytes: number },
): Promise<void> {
  await pool.query(`truncate ${PEER_TABLE}`);
  await recreateBaseSlot(pool);
  for (let done = 0; done < shape.messages; done += shape.perTransaction) {
    await pool.query(
      `
      insert into ${PEER_TABLE} (id, aggregatetype, aggregateid, type, payload)
      select id, $1::text, id::text, 'noop', rpad(id::text, $3::integer, 'x')
      from (select gen_random_uuid() as id from generate_series(1, $2::integer)) as message
      `,
      [PEER_AGGREGATE, Math.min(shape.perTransaction, shape.messages - done), shape.valueBytes],
    );
  }
}

export async function recreateBaseSlot(pool: BenchStack['pool']): Promise<void> {
  await pool.query(
    'select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1',
    [PEER_BASE_SLOT],
  );
  await pool.query('select pg_create_logical_replication_slot($1, $2)', [PEER_BASE_SLOT, 'pgoutput']);
}
