-- A job that was dispatched before and is queued again without a message, as in polling mode or during a fallback: its
-- count of dispatches does not tell it from one whose message is on its way. The leader dispatches such jobs when it may.
alter table jobs add column unsent boolean not null default false;

-- Limits and a unique key that hold for every job of the type (engine/job-policy.ts), as its millrace.config.ts declares them.
alter table job_types add column policy json;
