-- Who may call the API where WE_AUTH=keys. A key is 256 random bits, so its SHA-256 is enough: there is nothing to guess, and
-- whoever reads this table cannot call the API with it.

create table api_keys (
  -- The readable part of the key: it names the row, and proves nothing.
  id text primary key,
  name text not null,
  hash bytea not null,
  scopes text[] not null,
  -- Requests a second of one process of the API; null: as many as there are.
  rate_per_second integer,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz,
  revoked_at timestamptz,
  constraint api_keys_name check (length(name) between 1 and 100),
  constraint api_keys_hash check (octet_length(hash) = 32),
  constraint api_keys_scopes check (
    cardinality(scopes) > 0 and scopes <@ array['enqueue', 'work', 'read', 'admin']
  ),
  constraint api_keys_rate check (rate_per_second > 0)
);

-- A browser that has shown a key: it holds a random token of its own, never the key, and loses its way in with it.
create table ui_sessions (
  hash bytea primary key,
  key_id text not null references api_keys (id) on delete cascade,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  constraint ui_sessions_hash check (octet_length(hash) = 32)
);

create index ui_sessions_key on ui_sessions (key_id);
create index ui_sessions_expiry on ui_sessions (expires_at);
