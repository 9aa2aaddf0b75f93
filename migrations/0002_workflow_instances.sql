-- One run of a workflow. `version` rises with every change and stands in the predicate of every update, so that of two
-- concurrent decisions one is refused and decided again.

create table workflow_instances (
  id uuid primary key,
  name text not null,
  foreign_id text,
  status text not null,
  -- The steps in order: [{"name", "type", "payload", "max_retries"}]; json, not jsonb, so that payloads stay as sent.
  steps json not null,
  current_step integer not null default 0,
  -- What the steps returned so far, in step order.
  outputs json[] not null default '{}',
  failure_reason text,
  version integer not null default 1,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  completed_at timestamptz,
  constraint workflow_instances_status check (status in ('running', 'completed', 'failed', 'cancelled')),
  constraint workflow_instances_completed_at check ((status = 'running') = (completed_at is null))
);

create index workflow_instances_foreign_id on workflow_instances (foreign_id, id desc) where foreign_id is not null;
