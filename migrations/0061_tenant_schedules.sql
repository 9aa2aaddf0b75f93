-- Whose a schedule is. Two tenants may call theirs the same: who asks by name means his own. What a tick makes is of its schedule's
-- tenant, by the default of the columns of 0060, since the tick names that tenant for its transaction.
alter table schedules
  add column tenant text not null default millrace.current_tenant(),
  drop constraint schedules_pkey,
  add primary key (name, tenant);
