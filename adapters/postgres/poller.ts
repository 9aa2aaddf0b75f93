import type { PollRequest } from '../../engine/ports/record-store.ts';
import { PollFront } from './poll-front.ts';
import type { JobRow } from './rows.ts';
import type { Database } from './sql/database.ts';
import { pollJobs, type Stretch } from './sql/poll.ts';

/** Callers choose the types, so that there must be an end to what is kept. */
const MOST_FRONTS = 100;

/**
 * Takes jobs, from where earlier polls for the same types have come to.
 *
 * What was taken leaves dead entries at the head of the index, and as long as any transaction of the database is older than
 * they are, neither vacuum nor the scan itself can remove them: each poll would walk over all that were taken since. With a
 * transaction held open for a minute that was three quarters of the throughput. See {@link PollFront} for what lies behind.
 */
export class Poller {
  readonly #db: Database;
  readonly #now: () => number;
  readonly #fronts = new Map<string, PollFront>();

  constructor(db: Database, now: () => number = () => performance.now()) {
    this.#db = db;
    this.#now = now;
  }

  async take(request: PollRequest): Promise<JobRow[]> {
    const front = this.#frontOf(request.types);
    const beyond = front.beyond(this.#now());
    if (beyond) {
      const { rows, ms } = await this.#timed(request, beyond);
      front.took(rows, { isFull: isFull(rows, request), ms });
      if (rows.length > 0) return rows;
    }
    const looked = front.look();
    try {
      const { rows, ms } = await this.#timed(request, front.whole);
      looked.found(rows, { isFull: isFull(rows, request), ms, now: this.#now() });
      return rows;
    } finally {
      looked.end();
    }
  }

  async #timed(request: PollRequest, stretches: readonly Stretch[]) {
    const began = this.#now();
    const rows = await pollJobs(this.#db, request, stretches);
    return { rows, ms: this.#now() - began };
  }

  #frontOf(types: readonly string[]): PollFront {
    const key = types.join();
    const front = this.#fronts.get(key) ?? new PollFront(types);
    if (!this.#fronts.has(key) && this.#fronts.size >= MOST_FRONTS) this.#fronts.clear();
    this.#fronts.set(key, front);
    return front;
  }
}

/** Whether there may be more than was taken. */
function isFull(rows: readonly JobRow[], { limit, payloadBytes }: PollRequest): boolean {
  if (rows.length === limit) return true;
  const characters = rows.reduce((sum, { payload }) => sum + payload.length, 0);
  return characters >= payloadBytes / 4;
}
