import type { ConsumerRef, StoredMessage } from '../../../engine/ports/event-bus.ts';
import type { Database } from './database.ts';

export interface Delivered extends StoredMessage {
  readonly deliveryCount: number;
}

export interface Taken {
  readonly messages: readonly Delivered[];
  /** Whether the term still holds the consumer. */
  readonly isHeld: boolean;
  /** How many messages of the stream were looked at, whether they matched or not. */
  readonly scanned: number;
  /** Whether messages wait until there is room for them. */
  readonly isFull: boolean;
  /** Whether there are messages that an open transaction keeps from being read. */
  readonly isGated: boolean;
  /** Until the next unsettled message is due; 0 when one is. */
  readonly dueInMs: number | null;
}

interface TakenRow {
  held: boolean;
  scanned: number;
  is_full: boolean;
  gated: boolean;
  due_in_ms: number | null;
  id: string | null;
}

export interface EventRow {
  id: string;
  subject: string;
  message_key: string;
  headers: string;
  payload: Buffer;
  published_at: Date;
  delivery_count: number;
}

/**
 * New messages behind the consumer's place, as many as it has room for, and the place moved behind them, in one statement.
 * Why older than every open transaction: migration 0028.
 */
export async function takeNew(
  db: Database,
  { stream, name }: ConsumerRef,
  { term, scan }: { readonly term: bigint; readonly scan: number },
): Promise<Taken> {
  const { rows } = await db.query<TakenRow & EventRow>(
    `
    with consumer as (
      select
        place_xid, place_id, filter_regex, ack_wait_ms,
        max_pending - (
          select count(*)
          from eventbus_event_deliveries
          where stream_name = $1::text and consumer_name = $2::text and dead_at is null
        ) as room
      from eventbus_consumers
      where stream_name = $1::text and name = $2::text and term = $3::bigint
    ), scanned as (
      select event.xid, event.id, event.subject
      from consumer
      cross join lateral (
        select xid, id, subject
        from eventbus_events
        where stream_name = $1::text
          and (xid, id) > (consumer.place_xid, consumer.place_id)
          and xid < pg_snapshot_xmin(pg_current_snapshot())
        order by xid, id
        limit $4::integer
      ) event
    ), matching as (
      select scanned.xid, scanned.id, row_number() over (order by scanned.xid, scanned.id) as nth
      from scanned, consumer
      where scanned.subject ~ consumer.filter_regex
    ), last_scanned as (
      select scanned.xid, scanned.id
      from scanned
      where not exists (
        select
        from matching, consumer
        where matching.nth = greatest(consumer.room, 0) + 1
          and (matching.xid, matching.id) <= (scanned.xid, scanned.id)
      )
      order by scanned.xid desc, scanned.id desc
      limit 1
    ), moved as (
      update eventbus_consumers
      set place_xid = last_scanned.xid, place_id = last_scanned.id
      from last_scanned
      where stream_name = $1::text and name = $2::text and term = $3::bigint
        and (place_xid, place_id) < (last_scanned.xid, last_scanned.id)
      returning ack_wait_ms
    ), delivered as (
      insert into eventbus_event_deliveries (stream_name, consumer_name, event_id, delivery_count, due_at)
      select $1::text, $2::text, matching.id, 1, clock_timestamp() + moved.ack_wait_ms * interval '1 millisecond'
      from matching, consumer, moved
      where matching.nth <= consumer.room
      returning event_id, delivery_count
    ), state as (
      select
        exists (select from consumer) as held,
        (select count(*) from scanned)::integer as scanned,
        exists (select from matching, consumer where matching.nth > consumer.room) as is_full,
        exists (
          select
          from eventbus_events
          where stream_name = $1::text and xid >= pg_snapshot_xmin(pg_current_snapshot())
        ) as gated,
        (
          select greatest(0, extract(epoch from min(due_at) - clock_timestamp()) * 1000)::double precision
          from eventbus_event_deliveries
          where stream_name = $1::text and consumer_name = $2::text and dead_at is null
        ) as due_in_ms
    )
    select
      state.held, state.scanned, state.is_full, state.gated, state.due_in_ms,
      event.id::text as id, event.subject, event.message_key, event.headers, event.payload, event.published_at,
      delivered.delivery_count
    from state
    left join (delivered join eventbus_events event on event.id = delivered.event_id) on true
    order by event.xid, event.id
    `,
    [stream, name, term.toString(), scan],
    'eventbus-take-new',
  );
  const [first] = rows;
  return {
    messages: first?.id == null ? [] : rows.map(toDelivered),
    isHeld: first?.held ?? false,
    scanned: first?.scanned ?? 0,
    isFull: first?.is_full ?? false,
    isGated: first?.gated ?? false,
    dueInMs: first?.due_in_ms ?? null,
  };
}

/** What is due is delivered once more, or is dead when it was delivered often enough. */
export async function takeDue(
  db: Database,
  { stream, name }: ConsumerRef,
  { term, limit }: { readonly term: bigint; readonly limit: number },
): Promise<Delivered[]> {
  const { rows } = await db.query<EventRow>(
    `
    with due as (
      select delivery.event_id, consumer.max_deliver, consumer.ack_wait_ms
      from eventbus_event_deliveries delivery
      join eventbus_consumers consumer
        on consumer.stream_name = delivery.stream_name and consumer.name = delivery.consumer_name
      where delivery.stream_name = $1::text and delivery.consumer_name = $2::text
        and consumer.term = $3::bigint
        and delivery.dead_at is null
        and delivery.due_at <= clock_timestamp()
      order by delivery.due_at, delivery.event_id
      limit $4::integer
      for update of delivery skip locked
    ), settled as (
      update eventbus_event_deliveries delivery
      set delivery_count = delivery.delivery_count + case when delivery.delivery_count < due.max_deliver then 1 else 0 end,
          dead_at = case when delivery.delivery_count < due.max_deliver then null else clock_timestamp() end,
          reason = case
            when delivery.delivery_count < due.max_deliver then null
            else coalesce(delivery.reason, 'it was not acknowledged in time')
          end,
          due_at = clock_timestamp() + due.ack_wait_ms * interval '1 millisecond',
          last_delivered_at = clock_timestamp()
      from due
      where delivery.stream_name = $1::text and delivery.consumer_name = $2::text
        and delivery.event_id = due.event_id
      returning delivery.event_id, delivery.delivery_count, delivery.dead_at
    )
    select
      event.id::text as id, event.subject, event.message_key, event.headers, event.payload, event.published_at,
      settled.delivery_count
    from settled
    join eventbus_events event on event.id = settled.event_id
    where settled.dead_at is null
    order by event.xid, event.id
    `,
    [stream, name, term.toString(), limit],
    'eventbus-take-due',
  );
  return rows.map(toDelivered);
}

export function toDelivered(row: EventRow): Delivered {
  return {
    sequence: BigInt(row.id),
    subject: row.subject,
    key: row.message_key,
    headers: JSON.parse(row.headers),
    payload: row.payload,
    publishedAt: row.published_at,
    deliveryCount: row.delivery_count,
  };
}
