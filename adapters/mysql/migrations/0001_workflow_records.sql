-- Runs of typed workflows, and the outbox that says what became of them. The same tables as PostgreSQL's 0050_workflow_records.
--
-- Names are bytes: MySQL's collations take upper for lower case, and leave out spaces at the end, and so would find another's run.
-- DDL commits by itself here, so each statement may be repeated after one that failed.

create table if not exists workflow_records (
  id bigint unsigned not null auto_increment,
  run_id varbinary(64) not null,
  workflow_name varbinary(255) not null,
  foreign_id varbinary(512) not null,
  status int not null,
  run_state varchar(32) character set ascii not null,
  reason text character set utf8mb4,
  object longblob not null,
  version bigint unsigned not null,
  created_at datetime(3) not null,
  updated_at datetime(3) not null,
  -- A unique key passes over nulls: of the open runs there is one, and finished ones are in nobody's way.
  open_foreign_id varbinary(512) generated always as (
    case when run_state in ('initiated', 'running', 'paused') then foreign_id end
  ) stored,
  primary key (id),
  unique key workflow_records_run (run_id),
  unique key workflow_records_open (workflow_name, open_foreign_id),
  key workflow_records_latest (workflow_name, foreign_id, id),
  key workflow_records_by_workflow (workflow_name, id),
  constraint workflow_records_run_state check (
    run_state in (
      'initiated', 'running', 'paused', 'cancelled', 'completed', 'data_deleted', 'requested_data_deleted'
    )
  ),
  constraint workflow_records_version check (version > 0)
) engine = InnoDB;

create table if not exists workflow_outbox (
  id bigint unsigned not null auto_increment,
  workflow_name varbinary(255) not null,
  foreign_id varbinary(512) not null,
  run_id varbinary(64) not null,
  status int not null,
  run_state varchar(32) character set ascii not null,
  record_version bigint unsigned not null,
  created_at datetime(3) not null,
  primary key (id),
  key workflow_outbox_by_workflow (workflow_name, id)
) engine = InnoDB;
