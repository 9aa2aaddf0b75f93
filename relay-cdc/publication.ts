import { escapeLiteral } from 'pg';
import { MillraceError } from '../engine/errors.ts';
import { rowFilter, type Shard } from './shards.ts';

/** Whether the publication shows the inserts of the shard's rows, and of no others. */
export function publicationQuery(publication: string, shard: Shard): string {
  const filter = rowFilter(shard);
  return `
    select exists (
      select
      from pg_publication
      join pg_publication_tables on pg_publication_tables.pubname = pg_publication.pubname
      where pg_publication.pubname = ${escapeLiteral(publication)}
        and pg_publication.pubinsert
        and pg_publication_tables.tablename = 'dispatch_outbox'
        and pg_publication_tables.rowfilter is not distinct from ${filter === undefined ? 'null' : escapeLiteral(filter)}
    ) as complete
  `;
}

/** @param publication a name that readRelayConfig has let pass */
export function createPublication(publication: string, shard: Shard): string {
  const filter = rowFilter(shard);
  return (
    `create publication ${publication} for table dispatch_outbox (id, topic, message_count, messages)` +
    `${filter === undefined ? '' : ` where ${filter}`} with (publish = 'insert')`
  );
}

export function publicationIncomplete(publication: string, shard: Shard): MillraceError {
  return new MillraceError(
    'migration_missing',
    `Publication ${publication} does not exist or does not publish the inserts of dispatch_outbox. Run: ` +
      `${createPublication(publication, shard)}. The relay then dispatches what was written meanwhile.`,
    { retryable: true },
  );
}
