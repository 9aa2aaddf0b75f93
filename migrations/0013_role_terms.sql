-- How often each role (engine/ports/role-scheduler.ts) has changed hands: the number fences what a former holder still
-- writes. The hold itself is an advisory lock, which goes with its session and leaves no row behind.

create table role_terms (
  role text primary key,
  term bigint not null,
  holder text not null,
  acquired_at timestamptz not null default clock_timestamp(),
  constraint role_terms_term check (term > 0)
);
