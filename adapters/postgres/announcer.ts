import type { Logger } from '../../engine/ports/logger.ts';
import type { StepId } from '../../events/ids.ts';
import type { Database } from './sql/database.ts';

export const CHANNEL = 'millrace_jobs';
/** PostgreSQL refuses payloads of 8,000 bytes; an empty one means any type. */
const MAX_PAYLOAD = 7_900;

/**
 * Tells all processes which job types were queued, by NOTIFY.
 *
 * Not within the transaction that queues them: a transaction that notifies holds one lock of the whole server from before
 * its commit record is written until that has reached the disk, so that no two such commits share a flush. Told
 * afterwards, at most one at a time and for all that was queued meanwhile, it costs nobody a flush. What a process that
 * dies in between leaves untold is found by the poll that is everyone's net.
 */
export class Announcer {
  readonly #db: Database;
  readonly #logger: Logger;
  #types = new Set<StepId>();
  #any = false;
  #telling: Promise<void> | undefined;

  constructor(db: Database, logger: Logger) {
    this.#db = db;
    this.#logger = logger;
  }

  /** @param types undefined when they are not known. @returns once it was told; never rejects */
  announce(types?: Iterable<StepId>): Promise<void> {
    if (types) for (const type of types) this.#types.add(type);
    else this.#any = true;
    this.#telling ??= this.#tell();
    return this.#telling;
  }

  async #tell(): Promise<void> {
    try {
      while (this.#any || this.#types.size > 0) {
        const list = [...this.#types].join(',');
        const payload = this.#any || list.length > MAX_PAYLOAD ? '' : list;
        this.#types = new Set();
        this.#any = false;
        await this.#db.query('select pg_notify($1::text, $2::text)', [CHANNEL, payload]);
      }
    } catch (error) {
      this.#logger.warn('queued jobs could not be announced; waiting workers find them by looking', {
        error,
      });
    } finally {
      this.#telling = undefined;
    }
  }
}
