import type { LedgerDue, LedgerRef } from '../../../engine/ports/delivery-ledger.ts';
import type { DeadMessage } from '../../../engine/ports/event-bus.ts';
import type { Database } from './database.ts';
import { type EventRow, toDelivered } from './eventbus-deliver.ts';

/** What is due is delivered once more, or is dead when it was delivered often enough. */
export async function takeLedgerDue(
  db: Database,
  id: string,
  { term, limit }: { readonly term: bigint; readonly limit: number },
): Promise<LedgerDue> {
  const { rows } = await db.query<(EventRow | { id: null }) & { due_in_ms: number | null }>(
    `
    with consumer as (
      select id, max_deliver, ack_wait_ms
      from eventbus_log_consumers
      where id = $1::bigint and term = $2::bigint
    ), due as (
      select delivery.sequence
      from consumer
      join eventbus_log_deliveries delivery on delivery.consumer_id = consumer.id
      where delivery.dead_at is null and delivery.due_at <= clock_timestamp()
      order by delivery.due_at, delivery.sequence
      limit $3::integer
      for update of delivery skip locked
    ), settled as (
      update eventbus_log_deliveries delivery
      set delivery_count = delivery.delivery_count
            + case when delivery.delivery_count < consumer.max_deliver then 1 else 0 end,
          dead_at = case when delivery.delivery_count < consumer.max_deliver then null else clock_timestamp() end,
          reason = case
            when delivery.delivery_count < consumer.max_deliver then null
            else coalesce(delivery.reason, 'it was not acknowledged in time')
          end,
          due_at = clock_timestamp() + consumer.ack_wait_ms * interval '1 millisecond'
      from due, consumer
      where delivery.consumer_id = $1::bigint and delivery.sequence = due.sequence
      returning delivery.*
    ), next as (
      select (extract(epoch from min(delivery.due_at) - clock_timestamp()) * 1000)::double precision as due_in_ms
      from eventbus_log_deliveries delivery
      where delivery.consumer_id = $1::bigint and delivery.dead_at is null
        and not exists (select from due where due.sequence = delivery.sequence)
    )
    select
      next.due_in_ms, settled.sequence::text as id, settled.subject, settled.message_key,
      settled.headers::text as headers, settled.payload, settled.published_at, settled.delivery_count
    from next
    left join settled on settled.dead_at is null
    order by settled.sequence
    `,
    [id, term.toString(), limit],
    'eventbus-log-due',
  );
  const messages = rows.filter((row) => row.id !== null).map(toDelivered);
  return { messages, dueInMs: rows[0]?.due_in_ms ?? undefined };
}

export async function deleteLedgerDeliveries(
  db: Database,
  id: string,
  sequences: readonly bigint[],
): Promise<void> {
  await db.query(
    `
    delete from eventbus_log_deliveries
    where consumer_id = $1::bigint and sequence = any($2::numeric[]) and dead_at is null
    `,
    [id, sequences.map(String)],
    'eventbus-log-ack',
  );
}

function guard({ consumer, sequence, deliveryCount }: LedgerRef): unknown[] {
  return [consumer.id, sequence.toString(), deliveryCount];
}

export async function postponeLedgerDelivery(
  db: Database,
  ref: LedgerRef,
  { delayMs, reason }: { readonly delayMs: number; readonly reason: string },
): Promise<void> {
  await db.query(
    `
    update eventbus_log_deliveries delivery
    set due_at = clock_timestamp() + $4::double precision * interval '1 millisecond',
        reason = $5::text,
        dead_at = case when delivery.delivery_count >= consumer.max_deliver then clock_timestamp() end
    from eventbus_log_consumers consumer
    where delivery.consumer_id = $1::bigint and delivery.sequence = $2::numeric
      and delivery.delivery_count = $3::integer and delivery.dead_at is null
      and consumer.id = delivery.consumer_id
    `,
    [...guard(ref), delayMs, reason],
  );
}

export async function extendLedgerDelivery(db: Database, ref: LedgerRef): Promise<void> {
  await db.query(
    `
    update eventbus_log_deliveries delivery
    set due_at = clock_timestamp() + consumer.ack_wait_ms * interval '1 millisecond'
    from eventbus_log_consumers consumer
    where delivery.consumer_id = $1::bigint and delivery.sequence = $2::numeric
      and delivery.delivery_count = $3::integer and delivery.dead_at is null
      and consumer.id = delivery.consumer_id
    `,
    guard(ref),
  );
}

/** As if this delivery had not been. */
export async function undoLedgerDelivery(db: Database, ref: LedgerRef): Promise<void> {
  await db.query(
    `
    update eventbus_log_deliveries
    set due_at = clock_timestamp(), delivery_count = delivery_count - 1
    where consumer_id = $1::bigint and sequence = $2::numeric and delivery_count = $3::integer and dead_at is null
    `,
    guard(ref),
  );
}

export async function buryLedgerDelivery(db: Database, ref: LedgerRef, reason: string): Promise<void> {
  await db.query(
    `
    update eventbus_log_deliveries
    set dead_at = clock_timestamp(), reason = $4::text
    where consumer_id = $1::bigint and sequence = $2::numeric and delivery_count = $3::integer and dead_at is null
    `,
    [...guard(ref), reason],
  );
}

export async function selectLedgerDead(db: Database, id: string, limit: number): Promise<DeadMessage[]> {
  const { rows } = await db.query<EventRow & { reason: string; dead_at: Date }>(
    `
    select
      sequence::text as id, subject, message_key, headers::text as headers, payload, published_at, delivery_count,
      coalesce(reason, '') as reason, dead_at
    from eventbus_log_deliveries
    where consumer_id = $1::bigint and dead_at is not null
    order by sequence
    limit $2::integer
    `,
    [id, limit],
  );
  return rows.map((row) => ({ ...toDelivered(row), reason: row.reason, deadAt: row.dead_at }));
}

export async function reviveLedgerDead(
  db: Database,
  id: string,
  sequences: readonly bigint[],
): Promise<number> {
  const { rowCount } = await db.query(
    `
    update eventbus_log_deliveries
    set dead_at = null, reason = null, delivery_count = 0, due_at = clock_timestamp()
    where consumer_id = $1::bigint and sequence = any($2::numeric[]) and dead_at is not null
    `,
    [id, sequences.map(String)],
  );
  return rowCount ?? 0;
}

export async function countLedgerOpen(db: Database, id: string): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    `
    select count(*)::double precision as count
    from eventbus_log_deliveries
    where consumer_id = $1::bigint and dead_at is null
    `,
    [id],
  );
  return rows[0]?.count ?? 0;
}
