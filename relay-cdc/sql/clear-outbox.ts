import { bigintArray, byteaArray, intArray, uuidArrayAt } from '../../adapters/postgres/binary-array.ts';
import type { Database } from '../../adapters/postgres/sql/database.ts';
import type { Term } from '../../events/ids.ts';
import { DispatchDetails } from '../dispatch-details.ts';
import { JOB_ID_BYTES, type PublishedRow } from '../published.ts';

/** Whose rows they are. */
export interface Clearer {
  readonly term: Term;
  /** Of the server they were read from: a standby that lacked them when it was promoted gives their ids to other rows. */
  readonly serverStart: string;
}

/**
 * Deletes published rows and writes that their jobs were dispatched, in one statement: an audit row a job, or one for a pack
 * whose jobs know it by its `dispatch_id` (migration 0015). Audit rows hang on the deletion, so that a row published twice
 * (after a crash) is recorded once.
 * @returns rows that were not there: cleared by an earlier leader, or committed and not yet visible, which is why the
 *   caller asks again for them
 */
export async function clearOutbox(
  db: Database,
  rows: readonly PublishedRow[],
  { term, serverStart }: Clearer,
): Promise<bigint[]> {
  const details = new DispatchDetails(term);
  const { jobs, packs } = split(rows, details);
  const { rows: missing } = await db.query<{ id: string }>(
    `
    with gone as (
      delete from dispatch_outbox
      where id = any($1::bigint[])
        and (select extract(epoch from pg_postmaster_start_time()) = $9::numeric)
      returning id, dispatch_id
    ), pack as materialized (
      select pack.row_id, pack.job_ids, pack.detail, gone.dispatch_id
      from unnest($5::bigint[], $6::bytea[], $7::integer[]) as pack (row_id, job_ids, detail)
      join gone on gone.id = pack.row_id
    ), audited as (
      insert into audit_log (actor, action, job_id, dispatch_id, detail)
      select 'relay', 'DISPATCHED_VIA_BROKER', job.id, null::uuid, ($8::jsonb[])[job.detail]
      from unnest($2::bigint[], $3::uuid[], $4::integer[]) as job (row_id, id, detail)
      join gone on gone.id = job.row_id
      union all
      select
        'relay', 'DISPATCHED_VIA_BROKER', null, pack.dispatch_id,
        ($8::jsonb[])[pack.detail] || jsonb_build_object('messages', octet_length(pack.job_ids) / ${JOB_ID_BYTES})
      from pack
      where pack.dispatch_id is not null
      union all
      select
        'relay', 'DISPATCHED_VIA_BROKER',
        encode(substring(pack.job_ids from byte for ${JOB_ID_BYTES}), 'hex')::uuid, null, ($8::jsonb[])[pack.detail]
      from pack
      cross join generate_series(1, octet_length(pack.job_ids), ${JOB_ID_BYTES}) as byte
      where pack.dispatch_id is null
    )
    select wanted.id::text as id
    from unnest($1::bigint[]) as wanted (id)
    where (select count(*) from gone) < cardinality($1::bigint[])
      and wanted.id not in (select gone.id from gone)
  `,
    [
      bigintArray(rows.map(({ id }) => id)),
      bigintArray(jobs.rowIds),
      uuidArrayAt(jobs.memories, jobs.starts),
      intArray(jobs.details),
      bigintArray(packs.rowIds),
      byteaArray(packs.ids),
      intArray(packs.details),
      details.texts,
      serverStart,
    ],
    'relay-clear-outbox',
  );
  return missing.map(({ id }) => BigInt(id));
}

/** Whole packs of several are one entry each; whatever else was published is an entry a job. */
function split(rows: readonly PublishedRow[], details: DispatchDetails) {
  const jobs: Jobs = { rowIds: [], memories: [], starts: [], details: [] };
  const packs: Packs = { rowIds: [], ids: [], details: [] };
  for (const row of rows) {
    const { id, jobs: count, ids, firstId, whole } = row;
    const place = details.placeOf(row);
    const end = firstId + count * JOB_ID_BYTES;
    if (whole && count > 1) {
      packs.rowIds.push(id);
      packs.ids.push(ids.subarray(firstId, end));
      packs.details.push(place);
      continue;
    }
    for (let start = firstId; start < end; start += JOB_ID_BYTES) {
      jobs.rowIds.push(id);
      jobs.memories.push(ids);
      jobs.starts.push(start);
      jobs.details.push(place);
    }
  }
  return { jobs, packs };
}

interface Packs {
  readonly rowIds: bigint[];
  readonly ids: Buffer[];
  readonly details: number[];
}

interface Jobs {
  readonly rowIds: bigint[];
  /** Where the job's id lies, and where in it. */
  readonly memories: Buffer[];
  readonly starts: number[];
  readonly details: number[];
}
