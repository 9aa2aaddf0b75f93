-- The step ids that have a handler. A process that loads a service's millrace.config.ts registers its types here; the API
-- refuses jobs of other types, and the relay checks at boot that each type has its topic.

create table job_types (
  type text primary key,
  registered_at timestamptz not null default clock_timestamp(),
  constraint job_types_type check (type ~ '^[A-Za-z0-9._-]{1,200}$' and type not in ('.', '..'))
);
