-- The outbox in parts, each with a replication slot, a publication and a leader of its own (docs/decisions/0012). With one
-- shard, which is what every installation begins with, nothing of this is looked at.

alter table dispatch_outbox
  -- Which shard a row is for: shard_key modulo their number. All messages of a row are of one shard.
  add column shard_key smallint not null default 0,
  -- The number of shards that the pack was made for: its keys are equal modulo this number. 0 for a single message, whose
  -- shard_key is the whole hash and so right for any number.
  add column packed_for smallint not null default 1,
  add constraint dispatch_outbox_shard_key check (shard_key >= 0),
  -- Replaced when the number of shards is changed. That takes the table's lock, so it waits for whoever writes packs for the
  -- old number; who writes one later is refused, whatever he last read, and packs again.
  add constraint dispatch_outbox_packed_for check (packed_for in (0, 1)),
  add constraint dispatch_outbox_single check (packed_for > 0 or message_count = 1);

alter table millrace_settings
  add column relay_shards smallint not null default 1,
  -- From the moment writers pack for the new number until all that was packed for the old one is published.
  add column resharding boolean not null default false,
  add constraint millrace_settings_relay_shards check (relay_shards between 1 and 64);

-- The same number as adapters/postgres/packs.ts makes of a key.
create function millrace.shard_key(key text) returns smallint
language sql immutable strict parallel safe
as $$
  select ((get_byte(hash, 0) & 127) << 8 | get_byte(hash, 1))::smallint from sha256(convert_to(key, 'UTF8')) as hash
$$;
