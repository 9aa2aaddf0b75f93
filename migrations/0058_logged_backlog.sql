-- How much waits in an outbox of messages (docs/decisions/0058), which no table holds: every message has taken a number of
-- dispatch_outbox, so what waits are the numbers given out since the newest that is with the broker.

alter table relay_state
  -- Written by the leader every second while the outbox is in the log; null before it has first looked.
  add column dispatched_number bigint,
  -- A number is a pack of several.
  add column messages_per_number real;

create function millrace.logged_backlog() returns bigint
language plpgsql
stable
as $$
declare
  numbers constant regclass := pg_get_serial_sequence('dispatch_outbox', 'id');
begin
  if not has_sequence_privilege(numbers, 'usage, select') or not exists (
    select
    from pg_trigger
    where tgrelid = 'dispatch_outbox'::regclass and tgname = 'dispatch_outbox_as_message' and tgenabled <> 'D'
  ) then
    return 0;
  end if;
  -- Shards share the numbers, and each has its part of them.
  return (
    select coalesce(ceil(avg(greatest(pg_sequence_last_value(numbers) - dispatched_number, 0) * messages_per_number)), 0)::bigint
    from relay_state
  );
end
$$;

do $$
begin
  execute format('alter function millrace.logged_backlog() set search_path = %I, pg_temp', current_schema());
end
$$;
