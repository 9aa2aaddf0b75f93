-- One unit of work for one handler type, alone or as a step of an instance. This table is the truth: the outbox, the
-- broker and the replication slot can all be lost without losing a job.

create table jobs (
  id uuid primary key,
  type text not null,
  status text not null,
  -- json, not jsonb: the handler gets the payload as it was sent, key order and large numbers included.
  payload json not null,
  result json,
  priority smallint not null default 0,
  attempt integer not null default 0,
  max_retries integer not null,
  -- How often the job was handed to dispatch; with the id it makes the message id of each dispatch.
  dispatches integer not null default 0,
  idempotency_key text,
  -- SHA-256 of what the key was used for, to tell a replay from a conflict.
  request_hash bytea,
  partition_key text,
  instance_id uuid references workflow_instances (id) on delete cascade,
  step_index integer,
  traceparent text,
  run_at timestamptz not null default clock_timestamp(),
  -- The attempt under way, or the last one: its token proves the lease to the API.
  token uuid,
  worker_id text,
  lease_until timestamptz,
  last_error text,
  -- Attempts that ended without completing the job: [{"attempt", "worker_id", "started_at", "ended_at", "error"}].
  past_attempts jsonb not null default '[]',
  created_at timestamptz not null default clock_timestamp(),
  queued_at timestamptz,
  started_at timestamptz,
  completed_at timestamptz,
  updated_at timestamptz not null default clock_timestamp(),
  constraint jobs_status check (
    status in ('pending', 'queued', 'running', 'completed', 'failed', 'retrying', 'dead_letter', 'cancelled')
  ),
  constraint jobs_attempt check (attempt >= 0 and attempt <= max_retries + 1),
  constraint jobs_max_retries check (max_retries >= 0),
  constraint jobs_idempotency check ((idempotency_key is null) = (request_hash is null)),
  constraint jobs_step check ((instance_id is null) = (step_index is null)),
  constraint jobs_lease check ((status = 'running') = (lease_until is not null)),
  constraint jobs_completed_at check (
    (status in ('completed', 'dead_letter', 'cancelled')) = (completed_at is not null)
  )
);

create unique index jobs_idempotency_key on jobs (idempotency_key) where idempotency_key is not null;
create unique index jobs_instance_step on jobs (instance_id, step_index) where instance_id is not null;

-- Each of the following holds only the few rows in one state, so that finished jobs cost them nothing.
create index jobs_queued on jobs (type, priority desc, id) where status = 'queued';
create index jobs_running on jobs (lease_until) where status = 'running';
create index jobs_due on jobs (run_at) where status in ('pending', 'retrying');
create index jobs_dead_letter on jobs (id) where status = 'dead_letter';

-- Each job is updated at least twice within seconds; room on the page keeps most of those updates inside it.
alter table jobs set (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- The engine's table of moves (engine/job.ts) once more, for whatever writes here: the statements carry the state that they
-- expect, and this stands behind them. `failed` is passed through within one statement, so that what follows it follows
-- `running`. A claim that is undone is no move: the attempt goes with it (sql/give-back.ts).
create function millrace_refuse_move() returns trigger
language plpgsql
as $$
begin
  raise exception 'Job % cannot move: % → % is not allowed.', old.id, old.status, new.status using
    errcode = 'check_violation', table = 'jobs', constraint = 'jobs_moves',
    hint = 'Let the API or the SDK move jobs. What has ended is brought back by a redrive.';
end
$$;

create trigger jobs_moves
  before update of status on jobs
  for each row
  when (
    case old.status
      when new.status then false
      when 'pending' then new.status not in ('queued', 'cancelled')
      when 'queued' then new.status not in ('running', 'dead_letter', 'cancelled')
        and not (new.status in ('completed', 'retrying') and new.attempt = old.attempt + 1)
      when 'running' then new.status not in ('completed', 'failed', 'retrying', 'dead_letter', 'cancelled')
        and not (new.status = 'queued' and new.attempt = old.attempt - 1)
      when 'failed' then new.status not in ('retrying', 'dead_letter', 'cancelled')
      when 'retrying' then new.status not in ('queued', 'cancelled')
      when 'completed' then true
      else new.status not in ('queued', 'pending')
    end
  )
  execute function millrace_refuse_move();
