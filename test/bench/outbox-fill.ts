import type { Pool } from 'pg';

export interface FillOptions {
  readonly topic: string;
  readonly messages: number;
  /** Messages of one transaction. */
  readonly perTransaction: number;
  /** Messages in one row. */
  readonly perRow: number;
  /** Bytes of each message's value. */
  readonly valueBytes: number;
}

/**
 * Fills the outbox as the API would, with made-up values. The server builds the packs (events/pack.ts) and runs the
 * transactions: a load generator in this process would be slower than what is measured.
 */
export async function fillOutbox(pool: Pool, options: FillOptions): Promise<void> {
  const { topic, messages, perTransaction, perRow, valueBytes } = options;
  const client = await pool.connect();
  try {
    await client.query(procedure);
    // Nobody waits for these commits; the ones that are measured come later.
    await client.query('set synchronous_commit = off');
    await client.query('call bench_fill($1, $2, $3, $4, $5)', [
      topic,
      Math.ceil(messages / perTransaction),
      Math.ceil(perTransaction / perRow),
      perRow,
      valueBytes,
    ]);
    await client.query('reset synchronous_commit');
  } finally {
    client.release();
  }
}

const procedure = `
  create or replace procedure bench_fill(
    topic text, transactions integer, rows integer, per_row integer, value_bytes integer
  )
  language plpgsql
  as $$
  begin
    for n in 1..transactions loop
      insert into dispatch_outbox (topic, message_count, shard_key, packed_for, messages, dispatch_id)
      select
        topic,
        per_row,
        -- Keys are random, so that every shard gets its share.
        row % 32768,
        (select relay_shards from millrace_settings),
        string_agg(
          uuid_send(id)
            || int4send(36) || convert_to(id::text, 'utf8')
            || int4send(value_bytes) || convert_to(rpad(id::text, value_bytes, 'x'), 'utf8')
            || int2send(1::smallint)
            || int2send(8::smallint) || 'dedup-id'::bytea
            || int4send(38) || convert_to(id::text || '.1', 'utf8'),
          ''::bytea
        ),
        case when per_row > 1 then min(id::text)::uuid end
      from (
        select millrace.uuid_v7(clock_timestamp()) as id, number / per_row as row
        from generate_series(0, rows * per_row - 1) as number
      ) as message
      group by row
      order by row;
      commit;
    end loop;
  end
  $$
`;
