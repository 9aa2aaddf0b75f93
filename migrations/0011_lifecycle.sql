-- Cancel, redrive, retry policies, timers that are pushed.

-- Attempts are counted on through a redrive, which gives a fresh budget of retries: those that began before it do not count.
alter table jobs add column attempt_base integer not null default 0;
-- Where the job departs from the default policy: {"base_ms", "multiplier", "max_ms", "jitter"}, each optional.
alter table jobs add column retry json;

-- Not validated: the old constraint was stricter, and looking at every row would lock out all work for as long.
alter table jobs drop constraint jobs_attempt;
alter table jobs add constraint jobs_attempt check (
  attempt_base >= 0 and attempt >= attempt_base and attempt <= attempt_base + max_retries + 1
) not valid;

-- Lists of workflows, newest first. Those that run are few; a name is seldom changed, so that it costs one entry a row.
create index workflow_instances_name on workflow_instances (name, id desc);
create index workflow_instances_running on workflow_instances (id desc) where status = 'running';
create index workflow_instances_ended_badly on workflow_instances (status, id desc) where status in ('failed', 'cancelled');

-- Wakes the one process that sleeps until the next job is due, when `soonest` is earlier than what it sleeps for. A
-- statement calls it once, with the earliest time it wrote, because a NOTIFY takes a lock of the whole server at commit:
-- under a load of retries nearly every one finds an earlier job and says nothing. A job due within 200 ms does not count as
-- an earlier one: the sleeper may be past it before this transaction is visible.
create function millrace_wake_due(soonest timestamptz) returns void
language sql volatile
as $$
  select pg_notify('millrace_due', '')
  where soonest < clock_timestamp() + interval '1 minute'
    and not exists (
      select
      from jobs
      where status in ('pending', 'retrying')
        and run_at > clock_timestamp() + interval '200 milliseconds'
        and run_at < soonest
    )
$$;
