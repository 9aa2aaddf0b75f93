-- One audit row for a pack instead of one for each of its jobs: writing those cost more than publishing them. Jobs that are
-- enqueued together carry the id of the pack they are first dispatched in, the outbox row of the pack has it too, and so
-- does the audit row that the relay writes when it clears that row. A pack of one has none: its audit row names the job.

alter table jobs add column dispatch_id uuid;
alter table dispatch_outbox add column dispatch_id uuid;
alter table audit_log add column dispatch_id uuid;

create index audit_log_dispatch on audit_log (dispatch_id) where dispatch_id is not null;

comment on column audit_log.dispatch_id is
  'Instead of job_id: what happened to every job with this dispatch_id. The view job_trail joins them.';

-- What happened to each job, whether it was written down for the job or for the pack it was in.
create view job_trail as
select job_id, id, at, actor, action, detail
from audit_log
where job_id is not null
union all
select jobs.id, audit_log.id, audit_log.at, audit_log.actor, audit_log.action, audit_log.detail
from jobs
join audit_log on audit_log.dispatch_id = jobs.dispatch_id
where jobs.dispatch_id is not null;
