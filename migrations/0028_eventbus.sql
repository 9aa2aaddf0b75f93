-- The event bus in PostgreSQL (adapters/postgres/eventbus): streams of messages, durable consumers, and what they have not
-- settled. A project that wants the bus alone takes this file and 0013_role_terms into its own migrations: no more is needed.

create table eventbus_streams (
  name text primary key,
  subjects text[] not null,
  max_age_ms bigint,
  created_at timestamptz not null default clock_timestamp(),
  constraint eventbus_streams_name check (name ~ '^[A-Za-z0-9_=-]{1,250}$'),
  constraint eventbus_streams_subjects check (cardinality(subjects) > 0),
  constraint eventbus_streams_max_age check (max_age_ms > 0)
);

-- `xid` is what makes a place in the stream safe. Numbers are given out before the commit, so that a lower one may become
-- visible after a higher one was read, and a place that is only a number passes it over for good. A consumer reads
-- only what transactions wrote that are older than every open one, in the order (xid, id): to that nothing is ever added.
-- No foreign keys here and in the deliveries: each would lock a row of another table for every message.
create table eventbus_events (
  id bigint generated always as identity primary key,
  stream_name text not null,
  xid xid8 not null default pg_current_xact_id(),
  subject text not null,
  message_key text not null default '',
  headers jsonb not null default '{}',
  payload bytea not null,
  published_at timestamptz not null default clock_timestamp()
);

create index eventbus_events_place on eventbus_events (stream_name, xid, id);

create table eventbus_consumers (
  stream_name text not null references eventbus_streams on delete cascade,
  name text not null,
  filter_subject text not null,
  filter_regex text not null,
  ack_wait_ms bigint not null,
  max_deliver integer not null,
  max_pending integer not null,
  place_xid xid8 not null default '0',
  place_id bigint not null default 0,
  -- Of the member that holds it: what a former one still wants to take is refused.
  term bigint not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  primary key (stream_name, name),
  constraint eventbus_consumers_name check (name ~ '^[A-Za-z0-9_=-]{1,250}$'),
  constraint eventbus_consumers_limits check (ack_wait_ms > 0 and max_deliver > 0 and max_pending > 0)
);

-- What was delivered and is not settled, and the dead letters. Acknowledging deletes the row.
create table eventbus_event_deliveries (
  stream_name text not null,
  consumer_name text not null,
  event_id bigint not null,
  delivery_count integer not null,
  -- When it comes again, or is dead.
  due_at timestamptz not null,
  first_delivered_at timestamptz not null default clock_timestamp(),
  last_delivered_at timestamptz not null default clock_timestamp(),
  reason text,
  dead_at timestamptz,
  primary key (stream_name, consumer_name, event_id),
  constraint eventbus_event_deliveries_count check (delivery_count >= 0)
);

create index eventbus_event_deliveries_due on eventbus_event_deliveries (stream_name, consumer_name, due_at)
  where dead_at is null;
create index eventbus_event_deliveries_dead on eventbus_event_deliveries (stream_name, consumer_name, event_id)
  where dead_at is not null;

-- Rows of the deliveries live for milliseconds.
alter table eventbus_event_deliveries set (
  autovacuum_vacuum_scale_factor = 0.0,
  autovacuum_vacuum_threshold = 5000
);

-- Transaction ids begin elsewhere in another cluster: after a logical restore (pg_dump) places and messages mean nothing to
-- it, and consumers refuse to begin. Run this once then, before anything publishes or consumes. What a consumer had before
-- it comes to it from its deliveries, so that nothing is lost and nothing comes again that was acknowledged.
create function eventbus_after_restore() returns void
language plpgsql
as $$
begin
  lock table eventbus_events, eventbus_consumers, eventbus_event_deliveries in exclusive mode;
  insert into eventbus_event_deliveries (stream_name, consumer_name, event_id, delivery_count, due_at)
  select consumer.stream_name, consumer.name, event.id, 0, clock_timestamp()
  from eventbus_consumers consumer
  join eventbus_events event
    on event.stream_name = consumer.stream_name
    and (event.xid, event.id) > (consumer.place_xid, consumer.place_id)
    and event.subject ~ consumer.filter_regex;
  update eventbus_consumers
  set place_xid = '0',
      place_id = coalesce((select max(id) from eventbus_events where stream_name = eventbus_consumers.stream_name), 0);
  update eventbus_events set xid = '0';
end
$$;
