-- Records of a topic that are not a dispatch: kept for a person to look at, and passed over so that they never block their
-- partition. A record that comes again is the same row.

create table undecodable_records (
  topic text not null,
  partition integer not null,
  record_offset bigint not null,
  key bytea,
  value bytea,
  reason text not null,
  recorded_at timestamptz not null default clock_timestamp(),
  constraint undecodable_records_pkey primary key (topic, partition, record_offset)
);
