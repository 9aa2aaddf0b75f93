-- One open job a type and key (engine/unique.ts).
alter table jobs add column unique_key text;

create unique index jobs_unique_key on jobs (type, unique_key)
  where unique_key is not null and status in ('pending', 'queued', 'running', 'retrying');
