import type { AuditEntry } from '../../../engine/commit.ts';
import type { UndecodableRecord } from '../../../engine/ports/record-store.ts';
import { auditRow } from './commit-params.ts';
import type { Database } from './database.ts';

export async function insertTypes(db: Database, types: readonly string[]): Promise<void> {
  await db.query('insert into job_types (type) select unnest($1::text[]) on conflict do nothing', [types]);
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
