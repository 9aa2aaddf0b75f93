import type { ConsumerRef, DeadMessage } from '../../../engine/ports/event-bus.ts';
import { bigintArray } from '../binary-array.ts';
import type { Database } from './database.ts';
import { type EventRow, toDelivered } from './eventbus-deliver.ts';

/** Whichever delivery of it was acknowledged: the work was done. */
export async function deleteDeliveries(
  db: Database,
  { stream, name }: ConsumerRef,
  sequences: readonly bigint[],
): Promise<void> {
  await db.query(
    `
    delete from eventbus_event_deliveries
    where stream_name = $1::text and consumer_name = $2::text and event_id = any($3::bigint[]) and dead_at is null
    `,
    [stream, name, bigintArray(sequences)],
    'eventbus-ack',
  );
}

/** One delivery of a message: what a former one says changes nothing. */
export interface DeliveryRef {
  readonly consumer: ConsumerRef;
  readonly sequence: bigint;
  readonly deliveryCount: number;
}

function guard({ consumer, sequence, deliveryCount }: DeliveryRef): unknown[] {
  return [consumer.stream, consumer.name, sequence.toString(), deliveryCount];
}

export async function postponeDelivery(
  db: Database,
  ref: DeliveryRef,
  { delayMs, reason }: { readonly delayMs: number; readonly reason: string },
): Promise<void> {
  await db.query(
    `
    update eventbus_event_deliveries delivery
    set due_at = clock_timestamp() + $5::double precision * interval '1 millisecond',
        reason = $6::text,
        dead_at = case when delivery.delivery_count >= consumer.max_deliver then clock_timestamp() end
    from eventbus_consumers consumer
    where delivery.stream_name = $1::text and delivery.consumer_name = $2::text and delivery.event_id = $3::bigint
      and delivery.delivery_count = $4::integer and delivery.dead_at is null
      and consumer.stream_name = delivery.stream_name and consumer.name = delivery.consumer_name
    `,
    [...guard(ref), delayMs, reason],
  );
}

export async function extendDelivery(db: Database, ref: DeliveryRef): Promise<void> {
  await db.query(
    `
    update eventbus_event_deliveries delivery
    set due_at = clock_timestamp() + consumer.ack_wait_ms * interval '1 millisecond'
    from eventbus_consumers consumer
    where delivery.stream_name = $1::text and delivery.consumer_name = $2::text and delivery.event_id = $3::bigint
      and delivery.delivery_count = $4::integer and delivery.dead_at is null
      and consumer.stream_name = delivery.stream_name and consumer.name = delivery.consumer_name
    `,
    guard(ref),
  );
}

/** As if this delivery had not been. */
export async function undoDelivery(db: Database, ref: DeliveryRef): Promise<void> {
  await db.query(
    `
    update eventbus_event_deliveries
    set due_at = clock_timestamp(), delivery_count = delivery_count - 1
    where stream_name = $1::text and consumer_name = $2::text and event_id = $3::bigint
      and delivery_count = $4::integer and dead_at is null
    `,
    guard(ref),
  );
}

export async function buryDelivery(db: Database, ref: DeliveryRef, reason: string): Promise<void> {
  await db.query(
    `
    update eventbus_event_deliveries
    set dead_at = clock_timestamp(), reason = $5::text
    where stream_name = $1::text and consumer_name = $2::text and event_id = $3::bigint
      and delivery_count = $4::integer and dead_at is null
    `,
    [...guard(ref), reason],
  );
}

export async function selectDead(
  db: Database,
  { stream, name }: ConsumerRef,
  limit: number,
): Promise<DeadMessage[]> {
  const { rows } = await db.query<EventRow & { reason: string; dead_at: Date }>(
    `
    select
      event.id::text as id, event.subject, event.message_key, event.headers, event.payload, event.published_at,
      delivery.delivery_count, coalesce(delivery.reason, '') as reason, delivery.dead_at
    from eventbus_event_deliveries delivery
    join eventbus_events event on event.id = delivery.event_id
    where delivery.stream_name = $1::text and delivery.consumer_name = $2::text and delivery.dead_at is not null
    order by delivery.event_id
    limit $3::integer
    `,
    [stream, name, limit],
  );
  return rows.map((row) => ({ ...toDelivered(row), reason: row.reason, deadAt: row.dead_at }));
}

export async function reviveDead(
  db: Database,
  { stream, name }: ConsumerRef,
  sequences: readonly bigint[],
): Promise<number> {
  const { rowCount } = await db.query(
    `
    update eventbus_event_deliveries
    set dead_at = null, reason = null, delivery_count = 0, due_at = clock_timestamp()
    where stream_name = $1::text and consumer_name = $2::text and event_id = any($3::bigint[])
      and dead_at is not null
    `,
    [stream, name, sequences.map(String)],
  );
  return rowCount ?? 0;
}

/** What lies behind the consumer's place, and what was delivered and is not settled; of one moment. */
export async function countBacklog(db: Database, { stream, name }: ConsumerRef): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    `
    select (
      select count(*)
      from eventbus_events event
      where event.stream_name = consumer.stream_name
        and (event.xid, event.id) > (consumer.place_xid, consumer.place_id)
        and event.subject ~ consumer.filter_regex
    )::double precision + (
      select count(*)
      from eventbus_event_deliveries delivery
      where delivery.stream_name = consumer.stream_name and delivery.consumer_name = consumer.name
        and delivery.dead_at is null
    )::double precision as count
    from eventbus_consumers consumer
    where consumer.stream_name = $1::text and consumer.name = $2::text
    `,
    [stream, name],
  );
  return rows[0]?.count ?? 0;
}
