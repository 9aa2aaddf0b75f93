-- A slot that was lost is written down once, whoever notices it: the leader at its start or while it streams, or who guards
-- the write-ahead log when no leader does. The mark in relay_state makes the next leader dispatch the outbox anew; the entry
-- in the audit log is the count of losses, which no process could keep.

create function millrace_slot_lost(slot text, reason text, noticed_by text, in_term bigint default null) returns boolean
language sql volatile
as $$
  with marked as (
    update relay_state
    set rebuild_reason = reason, updated_at = clock_timestamp()
    where slot_name = slot and rebuild_reason is null and (in_term is null or term = in_term)
    returning slot_name, term
  )
  insert into audit_log (actor, action, detail)
  select noticed_by, 'SLOT_LOST', jsonb_build_object('slot', slot_name, 'term', term, 'reason', reason)
  from marked
  returning true
$$;

-- How often lately is asked every few seconds.
create index audit_log_slot_losses on audit_log (at) where action = 'SLOT_LOST';
