import type { Pool } from 'pg';

export interface FillOptions {
  readonly topic: string;
  readonly messages: number;
  readonly perTransaction: number;
  /** Messages in one row. */
  readonly perRow: number;
  /** Bytes of each message's value. */
  readonly valueBytes: number;
}

/**
 * Fills the outbox as the API would, with made-up values. The server builds the packs (events/pack.ts): a load generator in
 * this process would be slower than what is measured.
 */
export async function fillOutbox(pool: Pool, options: FillOptions): Promise<void> {
  const { messages, perTransaction, perRow } = options;
  for (let done = 0; done < messages; done += perTransaction) {
    const rows = Math.ceil(Math.min(perTransaction, messages - done) / perRow);
    await pool.query(
      `
      insert into dispatch_outbox (topic, message_count, shard_key, packed_for, messages)
      select
        $1::text,
        $2::integer,
        -- Keys are random, so that every shard gets its share.
        row % 32768,
        (select relay_shards from millrace_settings),
        string_agg(
          uuid_send(id)
            || int4send(36) || convert_to(id::text, 'utf8')
            || int4send($4::integer) || convert_to(rpad(id::text, $4::integer, 'x'), 'utf8')
            || int2send(1::smallint)
            || int2send(8::smallint) || 'dedup-id'::bytea
            || int4send(38) || convert_to(id::text || '.1', 'utf8'),
          ''::bytea
        )
      from (
        select gen_random_uuid() as id, n / $2::integer as row
        from generate_series(0, $3::integer * $2::integer - 1) as n
      ) as message
      group by row
      `,
      [options.topic, perRow, rows, options.valueBytes],
    );
  }
}
