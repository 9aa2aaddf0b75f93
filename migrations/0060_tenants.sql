-- Whose a row is, where callers of the API belong to tenants (docs/decisions/0060). Empty: nobody's, which is the operator's own.
-- The policies that keep tenants apart, and the role that they are for, are made by `millrace tenants enable`: until then nothing
-- looks at these columns but the keys below.

-- Whose the rows of this transaction are. Set by `set_config('millrace.tenant', …, true)`, for this transaction alone.
create function millrace.current_tenant() returns text
language sql stable parallel safe
as $$
  select coalesce(current_setting('millrace.tenant', true), '')
$$;

-- A key of the tenant's own: what two tenants call the same is not the same. No tenant's name has the separator in it.
create function millrace.tenant_key(key text) returns text
language sql stable parallel safe
as $$
  select case millrace.current_tenant() when '' then key else millrace.current_tenant() || e'\x1f' || key end
$$;

-- By default, so that no statement that writes for a tenant can forget it; the engine's statements, which write for many at a
-- time, take it from the row that they go on from.
alter table jobs add column tenant text not null default millrace.current_tenant();
alter table workflow_instances add column tenant text not null default millrace.current_tenant();

alter table api_keys
  add column tenant text,
  add constraint api_keys_tenant check (tenant ~ '^[A-Za-z0-9._-]{1,100}$');

drop index jobs_idempotency_key;
create unique index jobs_idempotency_key on jobs (idempotency_key, tenant) where idempotency_key is not null;

drop index jobs_unique_key;
create unique index jobs_unique_key on jobs (type, unique_key, tenant)
  where unique_key is not null and status in ('pending', 'queued', 'running', 'retrying');

-- Lists of one tenant, newest first. Rows of nobody are not in them, and cost nothing.
create index jobs_tenant on jobs (tenant, id desc) where tenant <> '';
create index workflow_instances_tenant on workflow_instances (tenant, id desc) where tenant <> '';
