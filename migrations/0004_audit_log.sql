-- What happened to a job or an instance besides its own columns, in order. Append only.

create table audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  actor text not null,
  action text not null,
  job_id uuid,
  instance_id uuid,
  detail jsonb not null default '{}'
);

create index audit_log_job on audit_log (job_id) where job_id is not null;
create index audit_log_instance on audit_log (instance_id) where instance_id is not null;
