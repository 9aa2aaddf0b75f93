-- The relay's second checkpoint, beside the replication slot, in the database whose log the slot reads: a row that is still
-- there proves that all log before it is. A slot can be dropped, invalidated, or restored to another time; compared with
-- this row, none of that goes unnoticed.

create table relay_state (
  slot_name text primary key,
  -- Rises with every leadership, so that a leader that was replaced without noticing can be told from the present one.
  term bigint not null,
  leader text not null,
  -- Where the log is from that the slot reads: another system or timeline means that the database is another one now.
  system_id text not null,
  timeline integer not null,
  -- All that was committed before this position is with the broker. Null until the slot has been made for the first time.
  confirmed_lsn pg_lsn,
  -- Why the outbox must be dispatched anew with a new slot: set before the old slot goes, cleared once it is done, so that
  -- a crash in between is not forgotten.
  rebuild_reason text,
  -- The last term that ended in order: a next one finds nothing that was published and will come again.
  handed_over_term bigint,
  updated_at timestamptz not null default clock_timestamp(),
  constraint relay_state_term check (term > 0)
);
