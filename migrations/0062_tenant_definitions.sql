-- Whose a definition is: nobody's, which all may start, or a tenant's own. Two tenants may call theirs the same, so that an instance
-- says by whose definition it runs. A chain that is sent with its steps is of the tenant that sends it.
alter table workflow_definitions add column tenant text not null default millrace.current_tenant();
alter table workflow_instances
  add column definition_tenant text not null default '',
  drop constraint workflow_instances_definition;
alter table workflow_definitions
  drop constraint workflow_definitions_pkey,
  drop constraint workflow_definitions_hash,
  add primary key (id, version, tenant),
  add constraint workflow_definitions_hash unique (id, hash, tenant);
alter table workflow_instances
  add constraint workflow_instances_definition foreign key (definition_id, definition_version, definition_tenant)
    references workflow_definitions (id, version, tenant);
