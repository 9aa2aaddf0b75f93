import type { LedgerConsumer, LedgerOffer, LedgerTaken } from '../../../engine/ports/delivery-ledger.ts';
import type { ConsumerRef, ConsumerSpec, StreamSpec } from '../../../engine/ports/event-bus.ts';
import { byteaArray, jsonArray, textArray, timestamptzArray } from '../binary-array.ts';
import type { Database } from './database.ts';

export async function selectLogStreams(db: Database, provider: string): Promise<StreamSpec[]> {
  const { rows } = await db.query<{ name: string; subjects: string[]; max_age_ms: number | null }>(
    `
    select name, subjects, max_age_ms::double precision as max_age_ms
    from eventbus_log_streams
    where provider = $1::text
    `,
    [provider],
  );
  return rows.map(({ name, subjects, max_age_ms }) => ({
    name,
    subjects,
    ...(max_age_ms === null ? {} : { maxAgeMs: max_age_ms }),
  }));
}

export async function upsertLogStream(
  db: Database,
  provider: string,
  { name, subjects, maxAgeMs }: StreamSpec,
): Promise<void> {
  await db.query(
    `
    insert into eventbus_log_streams (provider, name, subjects, max_age_ms)
    values ($1::text, $2::text, $3::text[], $4::bigint)
    on conflict (provider, name) do update set subjects = excluded.subjects, max_age_ms = excluded.max_age_ms
    `,
    [provider, name, subjects, maxAgeMs ?? null],
  );
}

/** Its places stay. @returns false when there is no such stream */
export async function upsertLogConsumer(
  db: Database,
  provider: string,
  consumer: Required<ConsumerSpec>,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `
    insert into eventbus_log_consumers
      (provider, stream_name, name, filter_subject, ack_wait_ms, max_deliver, max_pending)
    select provider, name, $3::text, $4::text, $5::bigint, $6::integer, $7::integer
    from eventbus_log_streams
    where provider = $1::text and name = $2::text
    on conflict (provider, stream_name, name) do update
    set filter_subject = excluded.filter_subject,
        ack_wait_ms = excluded.ack_wait_ms,
        max_deliver = excluded.max_deliver,
        max_pending = excluded.max_pending
    `,
    [
      provider,
      consumer.stream,
      consumer.name,
      consumer.filterSubject,
      consumer.ackWaitMs,
      consumer.maxDeliver,
      consumer.maxPending,
    ],
  );
  return rowCount === 1;
}

interface ConsumerRow {
  id: string;
  filter_subject: string;
  ack_wait_ms: number;
  max_deliver: number;
  max_pending: number;
}

export async function selectLogConsumer(
  db: Database,
  provider: string,
  { stream, name }: ConsumerRef,
): Promise<LedgerConsumer | undefined> {
  const { rows } = await db.query<ConsumerRow>(
    `
    select id::text as id, filter_subject, ack_wait_ms::double precision as ack_wait_ms, max_deliver, max_pending
    from eventbus_log_consumers
    where provider = $1::text and stream_name = $2::text and name = $3::text
    `,
    [provider, stream, name],
  );
  const [row] = rows;
  return (
    row && {
      id: row.id,
      stream,
      name,
      filterSubject: row.filter_subject,
      ackWaitMs: row.ack_wait_ms,
      maxDeliver: row.max_deliver,
      maxPending: row.max_pending,
    }
  );
}

/** @returns false when a later term has it already */
export async function holdLogConsumer(db: Database, id: string, term: bigint): Promise<boolean> {
  const { rowCount } = await db.query(
    'update eventbus_log_consumers set term = $2::bigint where id = $1::bigint and term <= $2::bigint',
    [id, term.toString()],
  );
  return rowCount === 1;
}

export async function selectPlaces(db: Database, id: string): Promise<Map<string, bigint>> {
  const { rows } = await db.query<{ part: string; place: string }>(
    'select part, place::text as place from eventbus_log_places where consumer_id = $1::bigint',
    [id],
  );
  return new Map(rows.map(({ part, place }) => [part, BigInt(place)]));
}

/** Messages become deliveries, and the place moves behind them, in one statement: neither is ever without the other. */
export async function takeOffered(
  db: Database,
  id: string,
  { term, offer }: { readonly term: bigint; readonly offer: LedgerOffer },
): Promise<LedgerTaken> {
  const { messages } = offer;
  const { rows } = await db.query<{ held: boolean; taken: number }>(
    `
    with consumer as (
      select
        id, ack_wait_ms,
        greatest(0, max_pending - (
          select count(*)
          from eventbus_log_deliveries
          where consumer_id = $1::bigint and dead_at is null
        )) as room
      from eventbus_log_consumers
      where id = $1::bigint and term = $2::bigint
      for no key update
    ), moved as (
      insert into eventbus_log_places (consumer_id, part, place)
      select id, $3::text, ($4::numeric[])[least(room, cardinality($4::numeric[]) - 1) + 1]
      from consumer
      on conflict (consumer_id, part) do update
      set place = excluded.place
      where eventbus_log_places.place <= excluded.place
      returning consumer_id
    ), delivered as (
      insert into eventbus_log_deliveries
        (consumer_id, sequence, subject, message_key, headers, payload, published_at, delivery_count, due_at)
      select
        consumer.id, offered.sequence::numeric, offered.subject, offered.message_key, offered.headers, offered.payload,
        offered.published_at, 1, clock_timestamp() + consumer.ack_wait_ms * interval '1 millisecond'
      from consumer
      join moved on true
      join unnest($5::text[], $6::text[], $7::text[], $8::json[], $9::bytea[], $10::timestamptz[])
        with ordinality as offered (sequence, subject, message_key, headers, payload, published_at, nth)
        on offered.nth <= consumer.room
      returning 1
    )
    select exists (select from moved) as held, (select count(*) from delivered)::integer as taken
    `,
    [
      id,
      term.toString(),
      offer.part,
      offer.places.map(String),
      textArray(messages.map(({ sequence }) => sequence.toString())),
      textArray(messages.map(({ subject }) => subject)),
      textArray(messages.map(({ key }) => key)),
      jsonArray(messages.map(({ headers }) => JSON.stringify(headers))),
      byteaArray(messages.map(({ payload }) => payload)),
      timestamptzArray(messages.map(({ publishedAt }) => publishedAt)),
    ],
    'eventbus-log-take',
  );
  const [row] = rows;
  return { isHeld: row?.held ?? false, count: row?.taken ?? 0 };
}
