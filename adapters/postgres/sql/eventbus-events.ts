import { byteaArray, jsonArray, textArray } from '../binary-array.ts';
import type { Database } from './database.ts';

export interface NewEvent {
  readonly stream: string;
  readonly subject: string;
  readonly key: string;
  readonly headers: string;
  readonly payload: Buffer;
}

export async function insertEvents(db: Database, events: readonly NewEvent[]): Promise<bigint[]> {
  const { rows } = await db.query<{ id: string }>(
    `
    insert into eventbus_events (stream_name, subject, message_key, headers, payload)
    select stream_name, subject, message_key, headers::jsonb, payload
    from unnest($1::text[], $2::text[], $3::text[], $4::json[], $5::bytea[])
      with ordinality as event (stream_name, subject, message_key, headers, payload, nth)
    order by nth
    returning id::text as id
    `,
    [
      textArray(events.map(({ stream }) => stream)),
      textArray(events.map(({ subject }) => subject)),
      textArray(events.map(({ key }) => key)),
      jsonArray(events.map(({ headers }) => headers)),
      byteaArray(events.map(({ payload }) => payload)),
    ],
    'eventbus-publish',
  );
  return rows.map(({ id }) => BigInt(id)).sort((a, b) => (a < b ? -1 : 1));
}

/** Only the oldest of each stream are looked at, so that a stream with nothing to delete costs nothing. */
export async function deleteExpired(db: Database, limit: number): Promise<number> {
  const { rowCount } = await db.query(
    `
    with expired as (
      select oldest.id, stream.name as stream_name
      from eventbus_streams stream
      cross join lateral (
        select id, published_at
        from eventbus_events
        where stream_name = stream.name
        order by xid, id
        limit $1::integer
      ) oldest
      where stream.max_age_ms is not null
        and oldest.published_at < clock_timestamp() - stream.max_age_ms * interval '1 millisecond'
    ), unsettled as (
      delete from eventbus_event_deliveries delivery
      using expired, eventbus_consumers consumer
      where consumer.stream_name = expired.stream_name
        and delivery.stream_name = consumer.stream_name
        and delivery.consumer_name = consumer.name
        and delivery.event_id = expired.id
    )
    delete from eventbus_events using expired where eventbus_events.id = expired.id
    `,
    [limit],
  );
  return rowCount ?? 0;
}
