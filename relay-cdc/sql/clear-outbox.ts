import type { ClientBase, Pool } from 'pg';
import type { Term } from '../../events/ids.ts';
import type { PublishedRow } from '../publish-lane.ts';

/**
 * Deletes published rows and writes the audit row of each of their jobs, in one statement. Audit rows hang on the deletion,
 * so that a row published twice (after a crash) is recorded once.
 * @returns rows that were not there: cleared by an earlier leader, or committed and not yet visible, which is why the
 *   caller asks again for them
 */
export async function clearOutbox(
  db: Pool | ClientBase,
  rows: readonly PublishedRow[],
  term: Term,
): Promise<bigint[]> {
  const { ids, rowIds, jobIds, topicPlaces, topics } = columns(rows);
  const { rows: missing } = await db.query<{ id: string }>({
    name: 'relay_clear_outbox',
    text: `
      with gone as (
        delete from dispatch_outbox
        where id = any($1::bigint[])
        returning id
      ), audited as (
        insert into audit_log (actor, action, job_id, detail)
        select 'relay', 'DISPATCHED_VIA_BROKER', message.job_id, ($5::jsonb[])[message.topic]
        from unnest($2::bigint[], $3::uuid[], $4::integer[]) as message (row_id, job_id, topic)
        join gone on gone.id = message.row_id
      )
      select wanted.id::text as id
      from unnest($1::bigint[]) as wanted (id)
      where wanted.id not in (select gone.id from gone)
    `,
    values: [
      arrayOf(ids),
      arrayOf(rowIds),
      arrayOf(jobIds),
      arrayOf(topicPlaces),
      topics.map((topic) => JSON.stringify({ topic, term: Number(term) })),
    ],
  });
  return missing.map(({ id }) => BigInt(id));
}

function columns(rows: readonly PublishedRow[]) {
  const ids: bigint[] = [];
  const rowIds: bigint[] = [];
  const jobIds: string[] = [];
  const topicPlaces: number[] = [];
  const topics: string[] = [];
  for (const { id, topic, jobIds: jobs } of rows) {
    ids.push(id);
    // SQL counts from 1.
    const place = topics.indexOf(topic) + 1 || topics.push(topic);
    for (const jobId of jobs) {
      rowIds.push(id);
      jobIds.push(jobId);
      topicPlaces.push(place);
    }
  }
  return { ids, rowIds, jobIds, topicPlaces, topics };
}

/** An array literal of values that need no quoting. pg's own serializer quotes each, at several times the cost. */
function arrayOf(values: readonly (bigint | number | string)[]): string {
  return `{${values.join(',')}}`;
}
