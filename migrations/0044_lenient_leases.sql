-- For workers of other protocols, whose lease nobody can extend.

-- The attempt was handed out to somebody who cannot say that he still works on it: when the lease runs out, the attempt is lost
-- and does not count against the job's retries.
alter table jobs add column lenient_lease boolean not null default false;
