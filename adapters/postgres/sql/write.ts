import type { AuditEntry } from '../../../engine/commit.ts';
import type { JobPolicy } from '../../../engine/job-policy.ts';
import type { TypePolicy, UndecodableRecord } from '../../../engine/ports/record-store.ts';
import type { StepId } from '../../../events/ids.ts';
import { auditRow } from './commit-params.ts';
import type { Database } from './database.ts';

export async function insertTypes(
  db: Database,
  types: readonly StepId[],
  policies?: ReadonlyMap<StepId, JobPolicy>,
): Promise<void> {
  await db.query(
    `
    insert into job_types (type, policy)
    select * from unnest($1::text[], $2::json[])
    on conflict (type) do update
      set policy = excluded.policy
      where $3::boolean and job_types.policy::text is distinct from excluded.policy::text
    `,
    [
      types,
      types.map((type) => (policies?.has(type) ? JSON.stringify(policies.get(type)) : null)),
      policies !== undefined,
    ],
  );
}

export async function selectPolicies(db: Database): Promise<TypePolicy[]> {
  const { rows } = await db.query<{ type: string; policy: string }>(
    'select type, policy from job_types where policy is not null order by type',
  );
  return rows.map(({ type, policy }) => ({ type: type as StepId, policy: JSON.parse(policy) as JobPolicy }));
}

export async function selectTypes(db: Database): Promise<string[]> {
  const { rows } = await db.query<{ type: string }>('select type from job_types order by type');
  return rows.map(({ type }) => type);
}

export async function insertAudit(db: Database, entries: readonly AuditEntry[]): Promise<void> {
  await db.query(
    `
    insert into audit_log (actor, action, job_id, instance_id, detail)
    select actor, action, job_id, instance_id, coalesce(detail, '{}')
    from json_to_recordset($1::json) as t (actor text, action text, job_id uuid, instance_id uuid, detail jsonb)
    `,
    [JSON.stringify(entries.map(auditRow))],
  );
}

export async function insertUndecodable(db: Database, records: readonly UndecodableRecord[]): Promise<void> {
  await db.query(
    `
    insert into undecodable_records (topic, partition, record_offset, key, value, reason)
    select *
    from unnest($1::text[], $2::integer[], $3::bigint[], $4::bytea[], $5::bytea[], $6::text[])
    on conflict do nothing
    `,
    [
      records.map(({ topic }) => topic),
      records.map(({ partition }) => partition),
      records.map(({ offset }) => offset.toString()),
      records.map(({ key }) => key),
      records.map(({ value }) => value),
      records.map(({ reason }) => reason),
    ],
  );
}
