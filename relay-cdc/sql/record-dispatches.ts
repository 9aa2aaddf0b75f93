import { intArray, uuidBytesArray } from '../../adapters/postgres/binary-array.ts';
import type { Database } from '../../adapters/postgres/sql/database.ts';
import type { Term } from '../../events/ids.ts';
import { DispatchDetails } from '../dispatch-details.ts';
import { JOB_ID_BYTES, type PublishedRow } from '../published.ts';

/**
 * Writes that jobs were dispatched whose outbox row was in the log alone: an audit row a job, or one for a pack whose jobs know
 * it. There is no row whose deletion would tell a first time, so what is published twice is recorded twice.
 */
export async function recordDispatches(
  db: Database,
  rows: readonly PublishedRow[],
  term: Term,
): Promise<void> {
  const jobs: Entry[] = [];
  const packs: (Entry & { readonly messages: number })[] = [];
  const details = new DispatchDetails(term);
  for (const row of rows) {
    const { jobs: count, ids, firstId, whole, hint } = row;
    const place = details.placeOf(row);
    if (hint?.dispatchId && whole && count > 1) {
      packs.push({ id: hint.dispatchId, place, messages: count });
      continue;
    }
    const end = firstId + count * JOB_ID_BYTES;
    for (let at = firstId; at < end; at += JOB_ID_BYTES)
      jobs.push({ id: ids.subarray(at, at + JOB_ID_BYTES), place });
  }
  await db.query(
    `
    insert into audit_log (actor, action, job_id, dispatch_id, detail)
    select 'relay', 'DISPATCHED_VIA_BROKER', job.id, null::uuid, ($6::jsonb[])[job.detail]
    from unnest($1::uuid[], $2::integer[]) as job (id, detail)
    union all
    select
      'relay', 'DISPATCHED_VIA_BROKER', null, pack.id,
      ($6::jsonb[])[pack.detail] || jsonb_build_object('messages', pack.messages)
    from unnest($3::uuid[], $4::integer[], $5::integer[]) as pack (id, detail, messages)
  `,
    [
      uuidBytesArray(jobs.map(({ id }) => id)),
      intArray(jobs.map(({ place }) => place)),
      uuidBytesArray(packs.map(({ id }) => id)),
      intArray(packs.map(({ place }) => place)),
      intArray(packs.map(({ messages }) => messages)),
      details.texts,
    ],
    'relay-record-dispatches',
  );
}

interface Entry {
  readonly id: Buffer;
  /** Of its detail. */
  readonly place: number;
}
