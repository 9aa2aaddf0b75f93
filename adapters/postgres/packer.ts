import { codeOf } from './errors.ts';
import type { Database } from './sql/database.ts';
import { readShards } from './sql/shards.ts';

const MAX_TRIES = 5;

/**
 * Runs writes that make packs, with the number of shards to pack for. It is read once: when it has been changed since, the
 * outbox refuses the packs (migration 0016), nothing is written, and the write is run again with the new number.
 */
export function packer(db: Database): <T>(write: (shards: number) => Promise<T>) => Promise<T> {
  let known: number | undefined;
  return async (write) => {
    for (let tries = 1; ; tries += 1) {
      known ??= await readShards(db);
      try {
        return await write(known);
      } catch (error) {
        if (!isPackedForOther(error) || tries === MAX_TRIES) throw error;
        known = undefined;
      }
    }
  };
}

function isPackedForOther(error: unknown): boolean {
  return (
    codeOf(error) === '23514' &&
    error instanceof Error &&
    'constraint' in error &&
    error.constraint === 'dispatch_outbox_packed_for'
  );
}
