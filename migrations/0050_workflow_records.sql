-- Runs of typed workflows, and the outbox that says what became of them. The same tables as MySQL's
-- (adapters/mysql/migrations/0001_workflow_records.sql), beside the engine's own jobs and instances.

create table workflow_records (
  id bigint generated always as identity primary key,
  run_id text not null,
  workflow_name text not null,
  foreign_id text not null,
  status integer not null,
  run_state text not null,
  reason text,
  object bytea not null,
  version bigint not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  constraint workflow_records_run unique (run_id),
  constraint workflow_records_run_state check (
    run_state in (
      'initiated', 'running', 'paused', 'cancelled', 'completed', 'data_deleted', 'requested_data_deleted'
    )
  ),
  constraint workflow_records_version check (version > 0)
);

create unique index workflow_records_open on workflow_records (workflow_name, foreign_id)
  where run_state in ('initiated', 'running', 'paused');
create index workflow_records_latest on workflow_records (workflow_name, foreign_id, id);
create index workflow_records_by_workflow on workflow_records (workflow_name, id);

create table workflow_outbox (
  id bigint generated always as identity primary key,
  workflow_name text not null,
  foreign_id text not null,
  run_id text not null,
  status integer not null,
  run_state text not null,
  record_version bigint not null,
  created_at timestamptz(3) not null
);

create index workflow_outbox_by_workflow on workflow_outbox (workflow_name, id);

-- Rows live for milliseconds.
alter table workflow_outbox set (
  autovacuum_vacuum_scale_factor = 0.0,
  autovacuum_vacuum_threshold = 5000
);
