-- For workers of other protocols: those of a Kafka runner settle jobs that they never claimed, and those that poll have a
-- lease which they cannot extend.

-- The attempt was handed out to somebody who cannot say that he still works on it: when the lease runs out, the attempt is lost
-- and does not count against the job's retries.
alter table jobs add column lenient_lease boolean not null default false;

-- A queued job may go where a running one may when the same statement begins its attempt, which the attempt's number shows.
drop trigger jobs_moves on jobs;
create trigger jobs_moves
  before update of status on jobs
  for each row
  when (
    case case when old.status = 'queued' and new.attempt = old.attempt + 1 then 'running' else old.status end
      when new.status then false
      when 'pending' then new.status not in ('queued', 'cancelled')
      when 'queued' then new.status not in ('dead_letter', 'cancelled')
      when 'running' then new.status not in ('completed', 'failed', 'retrying', 'dead_letter', 'cancelled')
      when 'failed' then new.status not in ('retrying', 'dead_letter', 'cancelled')
      when 'retrying' then new.status not in ('queued', 'cancelled')
      when 'completed' then true
      else new.status not in ('queued', 'pending')
    end
  )
  execute function millrace_refuse_move();
