-- Limits on how many jobs of a key run at a time, or start within a span of time (engine/limits.ts). Such a job waits as
-- `pending` (or `retrying`) until the leader admits it: then it is queued, and holds its place until it is neither queued nor
-- running any more, whatever ended it.

alter table jobs
  add column limits json,
  -- The line in which it waits: both keys as one text.
  add column limit_lane text,
  add column concurrency_key text,
  add column rate_key text,
  add constraint jobs_limits check ((limits is null) = (limit_lane is null)) not valid;

create index jobs_waiting_for_limits on jobs (limit_lane, priority desc, id)
  where limit_lane is not null and status in ('pending', 'retrying');
create index jobs_concurrency on jobs (concurrency_key)
  where concurrency_key is not null and status in ('queued', 'running');
create index jobs_rate on jobs (rate_key) where rate_key is not null and status = 'queued';

-- Those that wait for a limit are due and stay so: the timers must not meet them again and again.
drop index jobs_due;
create index jobs_due on jobs (run_at) where status in ('pending', 'retrying') and limit_lane is null;

create or replace function millrace_wake_due(soonest timestamptz) returns void
language sql volatile
as $$
  select pg_notify('millrace_due', '')
  where soonest < clock_timestamp() + interval '1 minute'
    and not exists (
      select
      from jobs
      where status in ('pending', 'retrying')
        and limit_lane is null
        and run_at > clock_timestamp() + interval '200 milliseconds'
        and run_at < soonest
    )
$$;

-- When attempts under a rate limit started. A job's own started_at is that of its latest attempt only.
create table rate_starts (
  key text not null,
  at timestamptz not null
);

create index rate_starts_key on rate_starts (key, at);
create index rate_starts_at on rate_starts (at);

-- A trigger, so that no statement that moves a job can forget it; jobs without limits do not fire it. The leader looks when a
-- place may have become free, and when a start begins the time after which one will.
create function millrace_limited_job_moved() returns trigger
language plpgsql
as $$
begin
  if new.status = 'running' and new.rate_key is not null then
    insert into rate_starts (key, at) values (new.rate_key, new.started_at);
  elsif old.status = 'running' and new.status = 'queued' and new.rate_key is not null then
    -- The claim was undone: nothing has started.
    delete from rate_starts where key = new.rate_key and at = old.started_at;
  end if;
  if new.status <> 'queued' and (new.status <> 'running' or new.rate_key is not null) then
    perform pg_notify('millrace_limits', '');
  end if;
  return null;
end
$$;

create trigger jobs_limited_moved
  after update of status on jobs
  for each row
  when (old.limit_lane is not null and old.status is distinct from new.status)
  execute function millrace_limited_job_moved();
