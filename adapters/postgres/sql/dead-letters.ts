import type { DeadLetterFilter, Page } from '../../../engine/ports/record-store.ts';
import type { JobId } from '../../../events/ids.ts';
import type { JobRow } from '../rows.ts';
import type { Database } from './database.ts';

/** Newest first. */
export async function selectDeadLetters(
  db: Database,
  filter: DeadLetterFilter,
  page: Page<'before'>,
): Promise<JobRow[]> {
  const { rows } = await db.query<JobRow>(
    `
    select *
    from jobs
    where status = 'dead_letter'
      and ($1::uuid[] is null or id = any ($1))
      and ($2::text is null or type = $2)
      and ($3::timestamptz is null or completed_at > $3)
      and ($4::timestamptz is null or completed_at < $4)
      and ($5::text is null or strpos(lower(last_error), lower($5)) > 0)
      and ($6::uuid is null or id < $6)
    order by id desc
    limit $7::integer
    `,
    [...filterValues(filter), page.before ?? null, page.limit],
  );
  return rows;
}

/** Oldest first. */
export async function selectDeadLetterIds(
  db: Database,
  filter: DeadLetterFilter,
  page: Page<'after'>,
): Promise<JobId[]> {
  const { rows } = await db.query<{ id: JobId }>(
    `
    select id
    from jobs
    where status = 'dead_letter'
      and ($1::uuid[] is null or id = any ($1))
      and ($2::text is null or type = $2)
      and ($3::timestamptz is null or completed_at > $3)
      and ($4::timestamptz is null or completed_at < $4)
      and ($5::text is null or strpos(lower(last_error), lower($5)) > 0)
      and ($6::uuid is null or id > $6)
    order by id
    limit $7::integer
    `,
    [...filterValues(filter), page.after ?? null, page.limit],
  );
  return rows.map(({ id }) => id);
}

function filterValues({ ids, type, endedAfter, endedBefore, errorContains }: DeadLetterFilter): unknown[] {
  return [ids ?? null, type ?? null, endedAfter ?? null, endedBefore ?? null, errorContains ?? null];
}
