-- A job that was dispatched before and is queued again without a message, as in polling mode or during a fallback: its
-- count of dispatches does not tell it from one whose message is on its way. The leader dispatches such jobs when it may.
alter table jobs add column unsent boolean not null default false;

-- Limits and a unique key that hold for every job of the type (engine/job-policy.ts), as its millrace.config.ts declares them.
alter table job_types add column policy json;

-- Proves the lease of one attempt. Made of the id of the claim, which its caller keeps, so that a claim whose answer was lost
-- can be told again what it got; the planner puts the expression in its place, so that there is no call.
create function millrace.claim_token(claim_id text, job_id uuid, attempt integer) returns uuid
language sql stable parallel safe
as $$
  select encode(substring(sha256(convert_to(claim_id || job_id || attempt, 'UTF8')) for 16), 'hex')::uuid
$$;
