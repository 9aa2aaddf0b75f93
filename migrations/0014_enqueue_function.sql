-- Enqueueing from SQL, inside the caller's own transaction, from any language: select millrace.enqueue('send-email', '{…}').
-- It writes what the HTTP API writes, bytes of the dispatch included; a rollback leaves nothing of it.

create schema if not exists millrace;

-- What the database has to know of the installation. `millrace api` and `millrace relay` write their WE_DISPATCH_MODE here
-- when they start, and so does `millrace migrate up` where the variable is set.
create table millrace_settings (
  singleton boolean primary key default true,
  dispatch_mode text not null default 'polling',
  -- Write-ahead log that the relay's slots may hold back; null is max_slot_wal_keep_size, or a default without that.
  wal_budget_bytes bigint,
  -- How far they are into it, as those who watch have agreed (docs/guide/wal-budget.md).
  wal_pressure text not null default 'calm',
  -- While it is true, new jobs are queued without an outbox row, and workers may poll for them.
  dispatch_fallback boolean not null generated always as (wal_pressure in ('fallback', 'dropped')) stored,
  updated_at timestamptz not null default clock_timestamp(),
  constraint millrace_settings_singleton check (singleton),
  constraint millrace_settings_wal_budget check (wal_budget_bytes > 0),
  constraint millrace_settings_wal_pressure check (wal_pressure in ('calm', 'alert', 'fallback', 'dropped')),
  constraint millrace_settings_dispatch_mode check (dispatch_mode in ('polling', 'kafka_outbox'))
);

insert into millrace_settings default values;

-- A UUID of version 7: 48 bits of milliseconds, then the microseconds within them as 12 bits, so that the jobs of one
-- transaction rise, then random bits. PostgreSQL has its own from version 18 on; this one is the same on 15.
create function millrace.uuid_v7(at timestamptz) returns uuid
language sql volatile strict parallel safe
as $$
  select encode(
    substring(int8send(floor(micros / 1000)::bigint) from 3)
    || int2send((28672 + floor((micros % 1000) * 4.096))::smallint)
    || substring(uuid_send(gen_random_uuid()) from 9),
    'hex'
  )::uuid
  from (select extract(epoch from at) * 1000000 as micros) as clock
$$;

-- Protobuf, as much of it as a JobDispatchEvent needs: numbers that are not negative, and bytes. As in proto3, a field
-- with its default value is left out.
create function millrace.pb_varint(value bigint) returns bytea
language plpgsql immutable strict parallel safe
as $$
declare
  rest bigint := value;
  bytes bytea := '';
begin
  while rest > 127 loop
    bytes := bytes || substring(int2send((rest & 127 | 128)::smallint) from 2);
    rest := rest >> 7;
  end loop;
  return bytes || substring(int2send(rest::smallint) from 2);
end
$$;

create function millrace.pb_int(field integer, value bigint) returns bytea
language sql immutable strict parallel safe
as $$
  select case when value = 0 then ''::bytea else millrace.pb_varint(field << 3) || millrace.pb_varint(value) end
$$;

create function millrace.pb_message(field integer, value bytea) returns bytea
language sql immutable strict parallel safe
as $$
  select millrace.pb_varint(field << 3 | 2) || millrace.pb_varint(octet_length(value)) || value
$$;

create function millrace.pb_bytes(field integer, value bytea) returns bytea
language sql immutable strict parallel safe
as $$
  select case when value = ''::bytea then value else millrace.pb_message(field, value) end
$$;

create function millrace.pb_timestamp(field integer, at timestamptz) returns bytea
language sql immutable strict parallel safe
as $$
  select millrace.pb_message(
    field,
    millrace.pb_int(1, floor(extract(epoch from at))::bigint)
    || millrace.pb_int(2, (extract(microseconds from at at time zone 'UTC')::bigint % 1000000) * 1000)
  )
$$;

-- The first dispatch of a job that stands alone (events/proto).
create function millrace.pb_first_dispatch(id uuid, type text, payload json, max_retries integer, created_at timestamptz)
returns bytea
language sql immutable strict parallel safe
as $$
  select millrace.pb_int(1, 1)
    || millrace.pb_bytes(2, convert_to(id || '.1', 'UTF8'))
    || millrace.pb_bytes(10, convert_to(id::text, 'UTF8'))
    || millrace.pb_bytes(13, convert_to(type, 'UTF8'))
    || millrace.pb_int(20, max_retries)
    || millrace.pb_bytes(30, convert_to(payload::text, 'UTF8'))
    || millrace.pb_timestamp(40, created_at)
    || millrace.pb_int(50, 1)
$$;

create function millrace.pack_sized(value bytea) returns bytea
language sql immutable strict parallel safe
as $$
  select int4send(octet_length(value)) || value
$$;

create function millrace.pack_header(name text, value text) returns bytea
language sql immutable strict parallel safe
as $$
  select int2send(octet_length(name)::smallint) || convert_to(name, 'UTF8') || millrace.pack_sized(convert_to(value, 'UTF8'))
$$;

-- A pack of one message (events/pack.ts).
create function millrace.pack_message(id uuid, key text, value bytea, traceparent text) returns bytea
language sql immutable parallel safe
as $$
  select uuid_send(id)
    || millrace.pack_sized(convert_to(key, 'UTF8'))
    || millrace.pack_sized(value)
    || int2send(case when traceparent is null then 1 else 2 end::smallint)
    || millrace.pack_header('dedup-id', id || '.1')
    || coalesce(millrace.pack_header('traceparent', traceparent), '')
$$;

-- What tells a repeated request from another one under the same idempotency key: the HTTP API makes the same of the same.
create function millrace.request_hash(
  type text, payload json, max_retries integer, priority integer, run_at timestamptz, partition_key text, retry json,
  limits text
) returns bytea
language sql stable parallel safe
as $$
  select sha256(convert_to(concat(
    '[', to_json(type), ',', to_json(payload::text), ',', max_retries, ',', priority, ',',
    coalesce(to_json(to_char(run_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))::text, 'null'), ',',
    coalesce(to_json(partition_key)::text, 'null'),
    case when limits is null then ',' || retry::text else concat(',', coalesce(retry::text, 'null'), ',', limits) end, ']'
  ), 'UTF8'))
$$;

create function millrace.check_request(
  type text, payload json, max_retries integer, idempotency_key text, priority integer, partition_key text
) returns void
language plpgsql stable
as $$
#variable_conflict use_column
begin
  if not exists (select from job_types where job_types.type = check_request.type) then
    raise exception 'No handler is registered for job type "%". Nothing was written.', check_request.type using
      errcode = 'foreign_key_violation',
      hint = 'Add a handler to millrace.config.ts and start a process with it, or run: millrace topics apply. Known types: '
        || coalesce((select string_agg(known.type, ', ' order by known.type) from (select type from job_types limit 20) known), 'none yet');
  end if;
  if payload is null or octet_length(payload::text) > 262144 then
    raise exception 'The payload of a job must be JSON of at most 256 KB. Nothing was written.' using
      errcode = 'invalid_parameter_value', hint = 'For no payload pass ''null''; put large data elsewhere and send where it is.';
  end if;
  if max_retries is null or max_retries not between 0 and 1000 then
    raise exception 'max_retries must be a number from 0 to 1000. Nothing was written.' using errcode = 'invalid_parameter_value';
  end if;
  if priority is null or priority not between -32768 and 32767 then
    raise exception 'priority must be a number from -32768 to 32767. Nothing was written.' using errcode = 'invalid_parameter_value';
  end if;
  if char_length(idempotency_key) not between 1 and 255 or char_length(partition_key) not between 1 and 255 then
    raise exception 'idempotency_key and partition_key must have 1 to 255 characters. Nothing was written.' using
      errcode = 'invalid_parameter_value', hint = 'Pass null for none.';
  end if;
end
$$;

-- The delays between attempts, as the HTTP API takes them.
create function millrace.check_retry(retry json) returns void
language plpgsql immutable
as $$
declare
  setting record;
begin
  if json_typeof(retry) <> 'object' then
    raise exception 'retry must be a JSON object. Nothing was written.' using errcode = 'invalid_parameter_value';
  end if;
  for setting in
    select each.key, json_typeof(each.value) as type, each.value #>> '{}' as text, known.least, known.most
    from json_each(retry) as each
    left join (
      values ('base_ms', 1, 86400000), ('multiplier', 1, 100), ('max_ms', 1, 604800000), ('jitter', 0, 1)
    ) as known (key, least, most) on known.key = each.key
  loop
    if setting.least is null or setting.type <> 'number' then
      raise exception 'retry has "%", which is not one of its numbers. Nothing was written.', setting.key using
        errcode = 'invalid_parameter_value', hint = 'It may have base_ms, multiplier, max_ms and jitter.';
    end if;
    if setting.text::numeric not between setting.least and setting.most then
      raise exception '% of retry must be a number from % to %. Nothing was written.',
        setting.key, setting.least, setting.most using errcode = 'invalid_parameter_value';
    end if;
  end loop;
end
$$;

-- A limit as a caller sends it.
create function millrace.check_limit(name text, rule json, known text[]) returns void
language plpgsql immutable
as $$
declare
  member record;
begin
  if json_typeof(rule) <> 'object' or rule ->> 'key' is null or char_length(rule ->> 'key') not between 1 and 255 then
    raise exception '% must be a JSON object with a key of 1 to 255 characters. Nothing was written.', name using
      errcode = 'invalid_parameter_value';
  end if;
  for member in select * from json_each_text(rule) loop
    if not member.key = any (array['key'] || known) then
      raise exception '% has "%". It may have %. Nothing was written.', name, member.key, array_to_string(array['key'] || known, ', ')
        using errcode = 'invalid_parameter_value';
    end if;
  end loop;
  if not (
    select bool_and(coalesce(rule ->> wanted ~ '^[1-9][0-9]{0,4}$', false) and (rule ->> wanted)::integer <= most)
    from unnest(known) as wanted
    cross join lateral (select case wanted when 'limit' then 10000 else 86400 end as most) as bound
  ) then
    raise exception '% of % must be whole numbers, limit from 1 to 10000, per_seconds from 1 to 86400. Nothing was written.',
      array_to_string(known, ' and '), name using errcode = 'invalid_parameter_value';
  end if;
end
$$;

-- The key that a type's policy gives a job (engine/job-policy.ts).
create function millrace.policy_key(rule json, type text, payload json) returns text
language plpgsql immutable
as $$
declare
  found constant json := payload #> string_to_array(rule ->> 'by', '.');
  value constant text := case json_typeof(found)
    when 'string' then found #>> '{}'
    when 'number' then trim_scale((found #>> '{}')::numeric)::text
  end;
begin
  if char_length(value) > 200 then
    raise exception '"%" in the payload is part of a key of job type "%", so it may have 200 characters. Nothing was written.',
      rule ->> 'by', type using errcode = 'invalid_parameter_value';
  end if;
  return case when rule is not null then concat(coalesce(rule ->> 'key', type), ':' || value) end;
end
$$;

create function millrace.limit_text(rule json, key text) returns text
language sql immutable
as $$
  select format(
    '{"key":%s,"limit":%s%s}',
    to_json(key), (rule ->> 'limit')::integer, ',"per_seconds":' || (rule ->> 'per_seconds')::integer
  )
  where rule is not null
$$;

-- Limits as the API writes them: those of the request, then those of its type. Null for none.
create function millrace.limits_text(own_concurrency json, own_rate json, type text, payload json) returns text
language plpgsql stable
as $$
#variable_conflict use_variable
declare
  policy constant json := (select known.policy from job_types as known where known.type = type);
  jobs constant json := coalesce(own_concurrency, policy -> 'concurrency');
  starts constant json := coalesce(own_rate, policy -> 'rate');
  members text[];
begin
  if own_concurrency is not null then
    perform millrace.check_limit('concurrency', own_concurrency, '{limit}');
  end if;
  if own_rate is not null then
    perform millrace.check_limit('rate', own_rate, '{limit,per_seconds}');
  end if;
  members := array_remove(array[
    '"concurrency":' || millrace.limit_text(
      jobs, case when own_concurrency is null then millrace.policy_key(jobs, type, payload) else jobs ->> 'key' end
    ),
    '"rate":' || millrace.limit_text(
      starts, case when own_rate is null then millrace.policy_key(starts, type, payload) else starts ->> 'key' end
    )
  ], null);
  return case when cardinality(members) > 0 then '{' || array_to_string(members, ',') || '}' end;
end
$$;

create function millrace.enqueue(
  type text,
  payload json,
  max_retries integer default 3,
  idempotency_key text default null,
  run_at timestamptz default null,
  priority integer default 0,
  partition_key text default null,
  traceparent text default null,
  retry json default null,
  unique_key text default null,
  concurrency json default null,
  rate json default null
) returns uuid
language plpgsql volatile
as $$
#variable_conflict use_column
declare
  moment constant timestamptz := clock_timestamp();
  -- The wire and the API count milliseconds.
  accepted_at constant timestamptz := date_trunc('milliseconds', moment);
  due_at constant timestamptz := date_trunc('milliseconds', enqueue.run_at);
  due boolean;
  limits json;
  lane text;
  one_key text := enqueue.unique_key;
  job_id constant uuid := millrace.uuid_v7(moment);
  -- As W3C asks, what is no trace context is ignored.
  trace constant text := substring(
    enqueue.traceparent from '^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$'
  );
  hash bytea;
  dispatched boolean;
  first record;
begin
  perform millrace.check_request(
    enqueue.type, enqueue.payload, enqueue.max_retries, enqueue.idempotency_key, enqueue.priority, enqueue.partition_key
  );
  if enqueue.retry is not null then
    perform millrace.check_retry(enqueue.retry);
  end if;
  if char_length(enqueue.unique_key) not between 1 and 255 or (enqueue.unique_key || enqueue.idempotency_key) is not null then
    raise exception 'unique_key must have 1 to 255 characters, and no idempotency_key beside it. Nothing was written.' using
      errcode = 'invalid_parameter_value', hint = 'Pass null for none.';
  end if;
  -- The leader queues a job with limits, once there is room for it.
  limits := millrace.limits_text(enqueue.concurrency, enqueue.rate, enqueue.type, enqueue.payload);
  due := limits is null and coalesce(due_at <= accepted_at, true);
  if limits is not null then
    lane := format('[%s,%s]',
      coalesce(to_json(limits #>> '{concurrency,key}')::text, 'null'), coalesce(to_json(limits #>> '{rate,key}')::text, 'null'));
  end if;
  if one_key is null and enqueue.idempotency_key is null then
    one_key := millrace.policy_key(
      (select known.policy -> 'unique' from job_types as known where known.type = enqueue.type), enqueue.type, enqueue.payload
    );
  end if;
  dispatched := due and (select dispatch_mode = 'kafka_outbox' and not dispatch_fallback from millrace_settings);
  if enqueue.idempotency_key is not null then
    hash := millrace.request_hash(
      enqueue.type, enqueue.payload, enqueue.max_retries, enqueue.priority, due_at, enqueue.partition_key, enqueue.retry,
      -- What the type declares may change between two sendings of one request.
      millrace.limits_text(enqueue.concurrency, enqueue.rate, null, null)
    );
  end if;
  loop
    insert into jobs (
      id, type, status, payload, priority, max_retries, created_at, run_at, idempotency_key, request_hash, partition_key,
      traceparent, dispatches, queued_at, retry, unique_key, limits, limit_lane, concurrency_key, rate_key
    )
    values (
      job_id, enqueue.type, case when due then 'queued' else 'pending' end, enqueue.payload, enqueue.priority,
      enqueue.max_retries, accepted_at, coalesce(due_at, accepted_at), enqueue.idempotency_key, hash,
      enqueue.partition_key, trace, case when dispatched then 1 else 0 end, case when due then moment end,
      enqueue.retry, one_key, limits, millrace.tenant_key(lane), millrace.tenant_key(limits #>> '{concurrency,key}'),
      millrace.tenant_key(limits #>> '{rate,key}')
    )
    -- Of either key.
    on conflict do nothing;
    exit when found;
    if one_key is not null then
      select id into first
      from jobs
      where jobs.type = enqueue.type
        and jobs.unique_key = one_key
        and tenant = millrace.current_tenant()
        and status in ('pending', 'queued', 'running', 'retrying');
      -- Not there any more: it has ended at this moment, and the key is free.
      continue when not found;
      return first.id;
    end if;
    select id, request_hash into first
    from jobs
    where idempotency_key = enqueue.idempotency_key and tenant = millrace.current_tenant();
    -- Not there any more: it was removed at this moment, and the key is free.
    continue when not found;
    if first.request_hash = hash then
      return first.id;
    end if;
    raise exception 'Idempotency key "%" was used before with another request (job %). Nothing was written.',
      enqueue.idempotency_key, first.id using
      errcode = 'unique_violation', table = 'jobs', constraint = 'jobs_idempotency_key',
      hint = 'Use a new key for a new job, or repeat the first request unchanged.';
  end loop;
  if dispatched then
    insert into dispatch_outbox (topic, message_count, shard_key, packed_for, messages)
    values (
      'workflow.jobs.' || enqueue.type,
      1,
      millrace.shard_key(coalesce(enqueue.partition_key, job_id::text)),
      0,
      millrace.pack_message(
        job_id,
        coalesce(enqueue.partition_key, job_id::text),
        millrace.pb_first_dispatch(job_id, enqueue.type, enqueue.payload, enqueue.max_retries, accepted_at),
        trace
      )
    );
  elsif due then
    -- Workers that wait hear of it with the commit. Sent in the transaction, since there is no process of ours to send it
    -- afterwards; the same types are told once a transaction.
    perform pg_notify('millrace_jobs', enqueue.type);
  end if;
  if limits is not null then
    perform pg_notify('millrace_limits', '');
  elsif not due then
    perform millrace_wake_due(due_at);
  end if;
  return job_id;
end
$$;

-- The tables are found whatever the caller's search_path says, also where the caller has a table "jobs" of its own.
do $$
begin
  execute format(
    'alter function millrace.enqueue(text, json, integer, text, timestamptz, integer, text, text, json, text, json, json) set search_path = %I, pg_temp',
    current_schema()
  );
end
$$;

comment on function millrace.enqueue(text, json, integer, text, timestamptz, integer, text, text, json, text, json, json) is
  'Accepts a job in the transaction of the caller and returns its id. Guide: docs/guide/enqueue-in-your-transaction.md';
