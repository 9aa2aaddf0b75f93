-- Jobs by the clock. A leader enqueues the jobs of a tick in the transaction that moves next_run_at on, and only at the
-- revision it has read, so that two leaders never enqueue one tick twice. Their idempotency key names schedule and tick.

create table schedules (
  name text primary key,
  cron text not null,
  time_zone text not null,
  missed text not null,
  missed_limit integer not null,
  -- A job of a type, or an instance of a definition, whose input the payload is.
  type text,
  definition_id text,
  payload json not null,
  max_retries integer not null,
  retry json,
  priority smallint not null default 0,
  partition_key text,
  enabled boolean not null default true,
  source text not null,
  revision bigint not null default 1,
  next_run_at timestamptz,
  last_run_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint schedules_name check (name ~ '^[A-Za-z0-9._-]{1,200}$'),
  constraint schedules_what check ((type is null) <> (definition_id is null)),
  constraint schedules_missed check (missed in ('skip', 'run_once', 'run_all')),
  constraint schedules_missed_limit check (missed_limit between 1 and 1000),
  constraint schedules_source check (source in ('api', 'config')),
  constraint schedules_next_run_at check (enabled or next_run_at is null)
);

create index schedules_due on schedules (next_run_at) where next_run_at is not null;

-- The one process that sleeps until the next tick looks again when somebody has changed a schedule.
create function millrace_wake_schedules() returns trigger
language plpgsql
as $$
begin
  perform pg_notify('millrace_schedules', '');
  return null;
end
$$;

create trigger schedules_changed
  after insert or update of cron, time_zone, enabled on schedules
  for each statement execute function millrace_wake_schedules();
