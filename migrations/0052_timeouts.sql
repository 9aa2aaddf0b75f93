-- Timeouts of workflows that run elsewhere and keep their time here (engine/ports/timeout-store.ts). A project that wants them
-- alone takes this file.

create table timeouts (
  workflow text not null,
  -- By its bytes: a page goes on after the last id of the one before, whatever the database's collation.
  id text collate "C" not null,
  foreign_id text not null,
  run_id text not null,
  status text not null,
  state text not null default 'pending',
  expires_at timestamptz not null,
  created_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz,
  primary key (workflow, id),
  constraint timeouts_state check (state in ('pending', 'completed', 'cancelled')),
  constraint timeouts_ended_at check ((state = 'pending') = (ended_at is null))
);

create index timeouts_due on timeouts (workflow, expires_at, id) where state = 'pending';
create index timeouts_ended on timeouts (workflow, ended_at) where state <> 'pending';
