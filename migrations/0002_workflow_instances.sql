-- Workflows: what can run, and each run of it.

-- A definition never changes: another document under its id is another version. A chain that is sent with its steps is one
-- too, under an id made from its hash, so that those who send the same share a row.
create table workflow_definitions (
  id text not null,
  version integer not null,
  name text not null,
  -- json, not jsonb: branches are taken in the order in which they are written.
  document json not null,
  hash bytea not null,
  uploaded_at timestamptz not null default clock_timestamp(),
  primary key (id, version),
  constraint workflow_definitions_hash unique (id, hash)
);

-- `version` rises with every change and stands in the predicate of every update, so that of two concurrent decisions one is
-- refused and decided again.
create table workflow_instances (
  id uuid primary key,
  name text not null,
  foreign_id text,
  definition_id text not null,
  definition_version integer not null,
  status text not null,
  -- What is under way: see engine/workflow/state.ts. It does not grow with the steps taken.
  state json not null,
  -- json, not jsonb: large numbers and the order of keys stay as they were sent.
  variables json not null default '{}',
  current_step integer not null default 0,
  total_steps integer not null,
  failure_reason text,
  -- The instance and its step that wait for this one.
  parent_id uuid,
  parent_activation integer,
  traceparent text,
  -- When a timer of it runs out.
  due_at timestamptz,
  version integer not null default 1,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  completed_at timestamptz,
  constraint workflow_instances_definition foreign key (definition_id, definition_version)
    references workflow_definitions (id, version),
  constraint workflow_instances_status check (status in ('running', 'paused', 'completed', 'failed', 'cancelled')),
  constraint workflow_instances_completed_at check ((status in ('running', 'paused')) = (completed_at is null)),
  constraint workflow_instances_due check (due_at is null or status = 'running')
);

create index workflow_instances_foreign_id on workflow_instances (foreign_id, id desc) where foreign_id is not null;
-- Whether a chain that was sent with its steps may go.
create index workflow_instances_inline on workflow_instances (definition_id) where definition_id like 'inline/%';
create index workflow_instances_due on workflow_instances (due_at) where due_at is not null;
create unique index workflow_instances_parent on workflow_instances (parent_id, parent_activation)
  where parent_id is not null;

-- Each instance is updated with every step; room on the page keeps those updates inside it.
alter table workflow_instances set (
  fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02
);
