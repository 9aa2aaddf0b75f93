import type { CommitUnit } from '../../engine/commit.ts';
import type { JobRecord } from '../../engine/job.ts';
import type { LimitUsage } from '../../engine/limits.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import { byTurn } from './leases.ts';

interface Tables {
  readonly clock: Pick<Clock, 'now'>;
  readonly jobs: ReadonlyMap<string, JobRecord>;
}

/** What the memory store knows of limits: who waits, and what the limits are held against. */
export class MemoryLimits {
  readonly #tables: Tables;
  readonly #starts = new Map<string, Date[]>();

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  started({ limits, startedAt }: JobRecord): void {
    const key = limits?.rate?.key;
    if (key === undefined || !startedAt) return;
    this.#starts.set(key, [...(this.#starts.get(key) ?? []), startedAt]);
  }

  /** Its claim was undone. */
  notStarted({ limits, startedAt }: JobRecord): void {
    const key = limits?.rate?.key;
    if (key === undefined) return;
    this.#starts.set(
      key,
      (this.#starts.get(key) ?? []).filter((at) => at !== startedAt),
    );
  }

  admit(
    limit: number,
    decide: (waiting: readonly JobRecord[], usage: LimitUsage) => readonly CommitUnit[],
  ): readonly CommitUnit[] {
    const now = this.#tables.clock.now();
    const due = this.#waiting().filter(({ runAt }) => runAt <= now);
    const all = [...this.#tables.jobs.values()];
    const isOpen = ({ status }: JobRecord) => status === 'queued' || status === 'running';
    const open = countBy(all.filter(isOpen), ({ limits }) => limits?.concurrency?.key);
    const queued = all.filter(({ status }) => status === 'queued');
    const notStarted = countBy(queued, ({ limits }) => limits?.rate?.key);
    // All are looked at, so that full lines keep nobody else from being so.
    return decide(due, { now, open, notStarted, starts: this.#starts }).slice(0, limit);
  }

  nextAdmissionMs(): number | undefined {
    const now = this.#tables.clock.now().getTime();
    const moments = this.#waiting().flatMap(({ limits, runAt }) => {
      const rate = limits?.rate;
      const starts = rate ? (this.#starts.get(rate.key) ?? []) : [];
      const ages = starts.map((at) => at.getTime() + (rate?.per_seconds ?? 0) * 1000);
      return [runAt.getTime(), ...ages].filter((at) => at > now);
    });
    return moments.length === 0 ? undefined : Math.min(...moments) - now;
  }

  #waiting(): JobRecord[] {
    return [...this.#tables.jobs.values()]
      .filter(({ limits, status }) => limits && (status === 'pending' || status === 'retrying'))
      .sort(byTurn);
  }
}

function countBy(
  jobs: readonly JobRecord[],
  keyOf: (job: JobRecord) => string | undefined,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const job of jobs) {
    const key = keyOf(job);
    if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}
