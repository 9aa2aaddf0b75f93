import type { JobRow } from './rows.ts';
import type { Stretch } from './sql/poll.ts';

/** Any id is after it. */
const FIRST = '00000000-0000-0000-0000-000000000000';
const LOWEST = -32_768;
const HIGHEST = 32_767;
/** A type with jobs of more priorities than this is always looked at whole. */
const MOST_PRIORITIES = 4;
/** The whole is looked at as often as this, in milliseconds, and … */
const WHOLE_EVERY_MS = 500;
/** … no more often than lets the walk over what is dead take this share of the time. */
const WALK_SHARE = 0.05;

type Taken = Pick<JobRow, 'type' | 'priority' | 'id'>;

/**
 * Up to which id the jobs of each type and priority have been taken, while polls come back full: what is beyond is taken
 * first. A priority of which nothing was taken yet is beyond as a whole, so that a more urgent job is never passed over.
 *
 * Behind the front may be jobs that were queued again (a retry, a redrive, a delay that is over), that another poller let go,
 * or whose transaction took long to commit. They are found by a look at the whole: as soon as nothing is left beyond, and
 * otherwise after half a second, or after twenty times as long as the walk over what is dead took. Without a backlog there is
 * no front.
 */
export class PollFront {
  readonly whole: readonly Stretch[];
  readonly #types: readonly string[];
  /** By type, then by priority. */
  readonly #ids = new Map<string, Map<number, string>>();
  #wholeAt = Number.NEGATIVE_INFINITY;
  #looking = false;
  /** How long a poll beyond the front took of late, in milliseconds. */
  #usualMs = Number.POSITIVE_INFINITY;

  constructor(types: readonly string[]) {
    this.#types = types;
    this.whole = types.map((type) => ({ type, lowest: LOWEST, highest: HIGHEST, after: FIRST }));
  }

  /** Where to take from; undefined when the whole is to be looked at. */
  beyond(now: number): readonly Stretch[] | undefined {
    const isDue = now >= this.#wholeAt && !this.#looking;
    if (this.#ids.size === 0 || isDue) return undefined;
    return this.#types.flatMap((type) => stretchesBeyond(type, this.#ids.get(type)));
  }

  took(rows: readonly Taken[], { isFull, ms }: { isFull: boolean; ms: number }): void {
    if (isFull) this.#usualMs = Math.min(ms, this.#usualMs * 1.1);
    // A look at the whole may have found meanwhile that there is no backlog any more.
    if (this.#ids.size > 0) for (const row of rows) this.#advance(row);
  }

  /** Begins a look at the whole: others go on beyond the front meanwhile. */
  look() {
    this.#looking = true;
    return {
      found: (rows: readonly Taken[], { isFull, ms, now }: { isFull: boolean; ms: number; now: number }) => {
        const walkMs = Number.isFinite(this.#usualMs) ? Math.max(0, ms - this.#usualMs) : 0;
        this.#wholeAt = now + Math.max(WHOLE_EVERY_MS, walkMs / WALK_SHARE);
        if (isFull) this.#moveTo(rows);
        else this.#ids.clear();
      },
      end: () => {
        this.#looking = false;
      },
    };
  }

  /** Back as well as forth: what was taken behind the front may not have been all there. */
  #moveTo(rows: readonly Taken[]): void {
    const taken = new Map<string, Set<number>>();
    for (const { type, priority } of rows) taken.set(type, (taken.get(type) ?? new Set()).add(priority));
    for (const [type, priorities] of taken) {
      for (const priority of priorities) this.#ids.get(type)?.delete(priority);
    }
    for (const row of rows) this.#advance(row);
    for (const [type, ids] of this.#ids) if (ids.size > MOST_PRIORITIES) this.#ids.delete(type);
  }

  #advance({ type, priority, id }: Taken): void {
    const ids = this.#ids.get(type) ?? new Map<number, string>();
    this.#ids.set(type, ids);
    if (id > (ids.get(priority) ?? FIRST)) ids.set(priority, id);
  }
}

/** Each priority from its id on, and all that are above, between and below, whole. */
function stretchesBeyond(type: string, ids: ReadonlyMap<number, string> = new Map()): Stretch[] {
  const stretches: Stretch[] = [];
  let highest = HIGHEST;
  for (const [priority, after] of [...ids].sort(([a], [b]) => b - a)) {
    if (priority < highest) stretches.push({ type, lowest: priority + 1, highest, after: FIRST });
    stretches.push({ type, lowest: priority, highest: priority, after });
    highest = priority - 1;
  }
  if (highest >= LOWEST) stretches.push({ type, lowest: LOWEST, highest, after: FIRST });
  return stretches;
}
