-- What consumers of an event bus over a log (Kafka, Kinesis) have not settled. A log remembers one place for each of its parts;
-- which single messages are done, how often the others came, and why some are dead, stands here.

create table eventbus_log_streams (
  provider text not null,
  name text not null,
  subjects text[] not null,
  max_age_ms bigint,
  created_at timestamptz not null default clock_timestamp(),
  primary key (provider, name),
  constraint eventbus_log_streams_subjects check (cardinality(subjects) > 0),
  constraint eventbus_log_streams_max_age check (max_age_ms > 0)
);

create table eventbus_log_consumers (
  id bigint generated always as identity primary key,
  provider text not null,
  stream_name text not null,
  name text not null,
  filter_subject text not null,
  ack_wait_ms bigint not null,
  max_deliver integer not null,
  max_pending integer not null,
  -- Of the member that holds it: what a former one still wants to take is refused.
  term bigint not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  foreign key (provider, stream_name) references eventbus_log_streams on delete cascade,
  constraint eventbus_log_consumers_name unique (provider, stream_name, name),
  constraint eventbus_log_consumers_limits check (ack_wait_ms > 0 and max_deliver > 0 and max_pending > 0)
);

-- The last message of each part of the log that was taken into the deliveries, or passed over by the filter.
create table eventbus_log_places (
  consumer_id bigint not null references eventbus_log_consumers on delete cascade,
  part text not null,
  place numeric not null,
  primary key (consumer_id, part)
);

-- A copy of what was taken and is not settled, and the dead letters. Acknowledging deletes the row. No foreign key: it would
-- lock the consumer's row for every message.
create table eventbus_log_deliveries (
  consumer_id bigint not null,
  sequence numeric not null,
  subject text not null,
  message_key text not null,
  headers json not null,
  payload bytea not null,
  published_at timestamptz not null,
  delivery_count integer not null,
  -- When it comes again, or is dead.
  due_at timestamptz not null,
  reason text,
  dead_at timestamptz,
  primary key (consumer_id, sequence),
  constraint eventbus_log_deliveries_count check (delivery_count >= 0)
);

create index eventbus_log_deliveries_due on eventbus_log_deliveries (consumer_id, due_at) where dead_at is null;
create index eventbus_log_deliveries_dead on eventbus_log_deliveries (consumer_id, sequence) where dead_at is not null;

-- Rows live for milliseconds.
alter table eventbus_log_deliveries set (
  autovacuum_vacuum_scale_factor = 0.0,
  autovacuum_vacuum_threshold = 5000
);
