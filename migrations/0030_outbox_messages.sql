-- The outbox without rows (docs/decisions/0030): what would become a row goes into the write-ahead log alone, as a logical
-- message of the same transaction, and the relay reads it there. The trigger is enabled by WE_OUTBOX=message and costs nothing
-- while it is not. Whoever writes to dispatch_outbox need not know.

create function millrace.outbox_as_message() returns trigger
language plpgsql
as $$
begin
  -- What the table's constraints would say.
  if new.packed_for not in (0, (select relay_shards from millrace_settings)) then
    raise check_violation using
      message = 'the pack was made for another number of shards', table = 'dispatch_outbox', constraint = 'dispatch_outbox_packed_for';
  end if;
  if new.message_count not between 1 and 1000 or octet_length(new.messages) > 2097152 then
    raise check_violation using
      message = 'a pack has 1 to 1000 messages and at most 2 MiB', table = 'dispatch_outbox', constraint = 'dispatch_outbox_message_count';
  end if;
  -- relay-cdc/outbox-message.ts reads it.
  perform pg_logical_emit_message(
    true,
    'millrace.outbox',
    (
      int8send(new.id)
      || int2send(new.shard_key)
      || coalesce(uuid_send(new.dispatch_id), '\x00000000000000000000000000000000'::bytea)
      || int4send(new.message_count)
      || int2send(octet_length(new.topic)::smallint)
      || convert_to(new.topic, 'UTF8')
    ) || new.messages
  );
  return null;
end
$$;

do $$
begin
  execute format('alter function millrace.outbox_as_message() set search_path = %I, pg_temp', current_schema());
end
$$;

create trigger dispatch_outbox_as_message
  before insert on dispatch_outbox
  for each row execute function millrace.outbox_as_message();

alter table dispatch_outbox disable trigger dispatch_outbox_as_message;
