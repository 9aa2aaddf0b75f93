import type { ConsumerRef, ConsumerSpec, StreamSpec } from '../../../engine/ports/event-bus.ts';
import { patternToRegex } from '../../../engine/subjects.ts';
import type { Database } from './database.ts';

/** Any number of ours that nobody else uses: two that declare streams look at each other's one after the other. */
const STREAMS_LOCK = 5_220_871_466_013_917n;

export async function lockStreams(db: Database): Promise<void> {
  await db.query('select pg_advisory_xact_lock($1::bigint)', [STREAMS_LOCK.toString()]);
}

export async function selectStreams(db: Database): Promise<StreamSpec[]> {
  const { rows } = await db.query<{ name: string; subjects: string[]; max_age_ms: number | null }>(
    'select name, subjects, max_age_ms::double precision as max_age_ms from eventbus_streams',
  );
  return rows.map(({ name, subjects, max_age_ms }) => ({
    name,
    subjects,
    ...(max_age_ms === null ? {} : { maxAgeMs: max_age_ms }),
  }));
}

export async function upsertStream(db: Database, { name, subjects, maxAgeMs }: StreamSpec): Promise<void> {
  await db.query(
    `
    insert into eventbus_streams (name, subjects, max_age_ms)
    values ($1::text, $2::text[], $3::bigint)
    on conflict (name) do update set subjects = excluded.subjects, max_age_ms = excluded.max_age_ms
    `,
    [name, subjects, maxAgeMs ?? null],
  );
}

/** Its place stays as it is. @returns false when there is no such stream */
export async function upsertConsumer(db: Database, consumer: Required<ConsumerSpec>): Promise<boolean> {
  const { rowCount } = await db.query(
    `
    insert into eventbus_consumers
      (stream_name, name, filter_subject, filter_regex, ack_wait_ms, max_deliver, max_pending)
    select name, $2::text, $3::text, $4::text, $5::bigint, $6::integer, $7::integer
    from eventbus_streams
    where name = $1::text
    on conflict (stream_name, name) do update
    set filter_subject = excluded.filter_subject,
        filter_regex = excluded.filter_regex,
        ack_wait_ms = excluded.ack_wait_ms,
        max_deliver = excluded.max_deliver,
        max_pending = excluded.max_pending
    `,
    [
      consumer.stream,
      consumer.name,
      consumer.filterSubject,
      patternToRegex(consumer.filterSubject),
      consumer.ackWaitMs,
      consumer.maxDeliver,
      consumer.maxPending,
    ],
  );
  return rowCount === 1;
}

export interface ConsumerState {
  readonly ackWaitMs: number;
  /** Whether its place or its messages are of another cluster, whose transaction ids are ahead of this one's. */
  readonly isForeign: boolean;
}

export async function selectConsumer(
  db: Database,
  { stream, name }: ConsumerRef,
): Promise<ConsumerState | undefined> {
  const { rows } = await db.query<{ ack_wait_ms: number; is_foreign: boolean }>(
    `
    select
      ack_wait_ms::double precision as ack_wait_ms,
      place_xid >= pg_snapshot_xmax(pg_current_snapshot()) or exists (
        select
        from eventbus_events
        where stream_name = $1::text and xid >= pg_snapshot_xmax(pg_current_snapshot())
      ) as is_foreign
    from eventbus_consumers
    where stream_name = $1::text and name = $2::text
    `,
    [stream, name],
  );
  const [row] = rows;
  return row && { ackWaitMs: row.ack_wait_ms, isForeign: row.is_foreign };
}

/** @returns false when a later term has it already */
export async function takeConsumer(
  db: Database,
  { stream, name }: ConsumerRef,
  term: bigint,
): Promise<boolean> {
  const { rowCount } = await db.query(
    `
    update eventbus_consumers
    set term = $3::bigint
    where stream_name = $1::text and name = $2::text and term <= $3::bigint
    `,
    [stream, name, term.toString()],
  );
  return rowCount === 1;
}
