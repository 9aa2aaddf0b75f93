import type { JobRecord } from './job.ts';

/**
 * What becomes of a job when another under its key has not ended:
 * - `drop`: nothing is written; the other is the answer.
 * - `replace`: the other gives way, unless it runs: then this one waits beside it, and under the key.
 * - `debounce`: it waits for `delay_ms` of quiet, at most `max_wait_ms` from the first on; one that waits so takes the new
 *   payload and waits anew.
 */
export const uniqueModes = ['drop', 'replace', 'debounce'] as const;
export type UniqueMode = (typeof uniqueModes)[number];

export interface UniqueRule {
  /** Of jobs of one type. */
  readonly key: string;
  readonly mode: UniqueMode;
  /** With `debounce`, in milliseconds. */
  readonly delayMs?: number | undefined;
  readonly maxWaitMs?: number | undefined;
}

export type UniqueVerdict =
  | { readonly kind: 'drop' }
  /** The other has not gone to dispatch: it takes payload, priority and policy of the new one, and is due then. */
  | { readonly kind: 'update'; readonly runAt: Date }
  /** It may be on its way to a worker with the old payload: it is cancelled, and the new one written. */
  | { readonly kind: 'supersede' }
  /** It keeps its place but not the key. */
  | { readonly kind: 'release' };

/** What becomes of the two. `now` is the store's clock. */
export function decideUnique(
  existing: Pick<JobRecord, 'status' | 'createdAt'>,
  { mode, delayMs = 0, maxWaitMs }: UniqueRule,
  { now, runAt = now }: { readonly now: Date; readonly runAt?: Date | undefined },
): UniqueVerdict {
  const isPending = existing.status === 'pending';
  switch (mode) {
    case 'drop':
      return { kind: 'drop' };
    case 'replace':
      if (isPending) return { kind: 'update', runAt };
      return { kind: existing.status === 'running' ? 'release' : 'supersede' };
    case 'debounce': {
      if (!isPending) return { kind: 'release' };
      const latest =
        maxWaitMs === undefined ? Number.POSITIVE_INFINITY : existing.createdAt.getTime() + maxWaitMs;
      return { kind: 'update', runAt: new Date(Math.min(now.getTime() + delayMs, latest)) };
    }
    default:
      return mode satisfies never;
  }
}
