import type { JobRecord } from './job.ts';

/** At most `limit` jobs of the key run at a time. */
export interface ConcurrencyLimit {
  readonly key: string;
  readonly limit: number;
}

/** At most `limit` attempts of the key's jobs start within any span of `per_seconds`. */
export interface RateLimit extends ConcurrencyLimit {
  readonly per_seconds: number;
}

/** As sent and stored. */
export interface JobLimits {
  readonly concurrency?: ConcurrencyLimit | undefined;
  readonly rate?: RateLimit | undefined;
}

/** Jobs with the same keys wait in one line, the highest priority first and the oldest of these. */
export function laneOf({ concurrency, rate }: JobLimits): string {
  return JSON.stringify([concurrency?.key ?? null, rate?.key ?? null]);
}

/** What the limits are held against. */
export interface LimitUsage {
  readonly now: Date;
  /** Jobs that are queued or running, by concurrency key. */
  readonly open: ReadonlyMap<string, number>;
  /** Jobs that are queued and have not started, by rate key. */
  readonly notStarted: ReadonlyMap<string, number>;
  /** When attempts started, by rate key. */
  readonly starts: ReadonlyMap<string, readonly Date[]>;
}

/**
 * Which of the waiting jobs, given in the order of their turn, may be queued now. A job takes its place when it is queued,
 * not when it is claimed: a worker then never meets a job that may not run, and a claim costs the same with limits and
 * without. What is queued and has not started counts against the rate like a start, so that no backlog of queued jobs can
 * start at once later.
 */
export function admitted(waiting: readonly JobRecord[], usage: LimitUsage): JobRecord[] {
  const open = new Map(usage.open);
  const notStarted = new Map(usage.notStarted);
  const closed = new Set<string>();
  return waiting.filter(({ limits }) => {
    if (!limits) return false;
    const { concurrency, rate } = limits;
    const lane = laneOf(limits);
    const taken = concurrency ? (open.get(concurrency.key) ?? 0) : 0;
    const begun = rate ? (notStarted.get(rate.key) ?? 0) + startsWithin(rate, usage) : 0;
    const isFull = taken >= (concurrency?.limit ?? 1) || begun >= (rate?.limit ?? 1);
    // Nobody behind it in the line goes first.
    if (isFull || closed.has(lane)) {
      closed.add(lane);
      return false;
    }
    if (concurrency) open.set(concurrency.key, taken + 1);
    if (rate) notStarted.set(rate.key, (notStarted.get(rate.key) ?? 0) + 1);
    return true;
  });
}

function startsWithin({ key, per_seconds }: RateLimit, { now, starts }: LimitUsage): number {
  const since = now.getTime() - per_seconds * 1000;
  return (starts.get(key) ?? []).filter((at) => at.getTime() > since).length;
}
