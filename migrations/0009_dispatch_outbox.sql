-- The intent to dispatch. A row is a pack of one or more encoded messages of one topic (events/pack.ts); it is written in
-- the transaction that queues the jobs, read from the write-ahead log by the relay, and deleted once published.

create table dispatch_outbox (
  id bigint generated always as identity primary key,
  topic text not null,
  message_count integer not null,
  messages bytea not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint dispatch_outbox_message_count check (message_count between 1 and 1000),
  constraint dispatch_outbox_messages_size check (octet_length(messages) <= 2097152)
);

-- Uncompressed: the relay copies the bytes, and the server would compress and decompress them for nothing.
alter table dispatch_outbox alter column messages set storage external;

-- Rows live for milliseconds; without this the table keeps the size of its worst backlog's dead rows for long.
alter table dispatch_outbox set (
  autovacuum_vacuum_scale_factor = 0.0,
  autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_scale_factor = 0.0,
  autovacuum_vacuum_insert_threshold = 50000
);

-- Before the slot, always: pgoutput looks the publication up in the catalogue as of each change, and a slot older than its
-- publication fails for ever. Inserts only: the relay's own deletes, and a truncate, must not come back to it.
create publication millrace_outbox
  for table dispatch_outbox (id, topic, message_count, messages)
  with (publish = 'insert');
