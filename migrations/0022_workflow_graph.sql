-- What instances have done, what they ask of people, and what they tell each other.

-- One row for each step that has ended, written once: the history of an instance costs the same per step however long it is.
create table workflow_history (
  id bigint generated always as identity primary key,
  instance_id uuid not null references workflow_instances (id) on delete cascade,
  activation integer not null,
  step text not null,
  type text not null,
  status text not null,
  started_at timestamptz not null,
  ended_at timestamptz not null,
  reason text
);

create index workflow_history_instance on workflow_history (instance_id, id);

-- Open ones only: one that has ended is history.
create table workflow_user_tasks (
  instance_id uuid not null references workflow_instances (id) on delete cascade,
  activation integer not null,
  step text not null,
  name text not null,
  opened_at timestamptz not null default clock_timestamp(),
  primary key (instance_id, activation)
);

create index workflow_user_tasks_opened on workflow_user_tasks (opened_at, instance_id, activation);

-- From one instance to another, removed by the change that it leads to. No foreign key: an instance may end after the one
-- that waited for it was removed.
create table workflow_messages (
  id bigint generated always as identity primary key,
  instance_id uuid not null,
  message json not null
);

create index workflow_messages_instance on workflow_messages (instance_id, id);

-- Wakes the one process that moves due instances on, as millrace_wake_due does for jobs (migration 0011).
create function millrace_wake_workflows(soonest timestamptz) returns void
language sql volatile
as $$
  select pg_notify('millrace_workflow', '')
  where soonest < clock_timestamp() + interval '1 minute'
    and not exists (
      select
      from workflow_instances
      where due_at > clock_timestamp() + interval '200 milliseconds' and due_at < soonest
    )
$$;
