import { h } from 'preact';
import * as format from './format.ts';
import type { JobDetail } from './shapes.ts';

export interface Hop {
  readonly at: string;
  readonly what: string;
  readonly by: string | undefined;
  readonly note: string | undefined;
}

const ACTIONS: Readonly<Record<string, string>> = {
  DISPATCHED_VIA_BROKER: 'Acknowledged by Kafka',
  DISPATCH_REFUSED: 'Refused by Kafka',
  JOB_RETRYING: 'To be tried again',
  JOB_DEAD_LETTER: 'Dead letter',
  JOB_CANCELLED: 'Cancelled',
  LEASE_EXPIRED: 'Lease ran out',
  REDISPATCHED: 'Dispatched again',
  REDRIVEN: 'Redriven',
  LATE_RESULT_REFUSED: 'Late result refused',
};

/** Everything that is known to have happened to the job, in order. */
export function hopsOf(job: JobDetail): Hop[] {
  const tellsCommit = job.audit.some(({ detail }) => knowsItsWay(detail));
  const hops: Hop[] = [hop(job.created_at, tellsCommit ? 'Accepted' : 'Accepted: committed')];
  if (job.queued_at && job.queued_at !== job.created_at) hops.push(hop(job.queued_at, 'Queued'));
  for (const { attempt, outcome, worker_id, started_at, ended_at, error } of job.attempts) {
    const by = worker_id ?? undefined;
    if (started_at) hops.push(hop(started_at, `Attempt ${attempt} claimed`, { by }));
    if (ended_at)
      hops.push(
        hop(ended_at, `Attempt ${attempt} ${outcome.replaceAll('_', ' ')}`, { by, note: error ?? undefined }),
      );
  }
  for (const { at, actor, action, detail } of job.audit) {
    if (action === 'DISPATCHED_VIA_BROKER' && knowsItsWay(detail)) {
      hops.push(...dispatchHops(job, { at, by: actor, detail }));
    } else {
      hops.push(hop(at, ACTIONS[action] ?? action, { by: actor, note: noteOf(detail) }));
    }
  }
  return hops.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

interface DispatchDetail {
  readonly decode_ms: number;
  readonly ack_ms: number;
  readonly written_ms: number;
  readonly [other: string]: unknown;
}

/** The relay tells the way of what it read from the log, and knows none of what it found in the table. */
function knowsItsWay(detail: unknown): detail is DispatchDetail {
  return typeof detail === 'object' && detail !== null && 'decode_ms' in detail;
}

/** Counted back from the audit row by durations, which are rounded: none of it was before the job. */
function dispatchHops(
  { created_at }: JobDetail,
  { at, by, detail }: { at: string; by: string; detail: DispatchDetail },
): Hop[] {
  const { decode_ms, ack_ms, written_ms, ...rest } = detail;
  const acked = Date.parse(at) - written_ms;
  const decoded = acked - ack_ms;
  const atLeastAccepted = (ms: number) => new Date(Math.max(ms, Date.parse(created_at))).toISOString();
  return [
    hop(atLeastAccepted(decoded - decode_ms), 'Committed'),
    hop(atLeastAccepted(decoded), 'Decoded from the log', { by }),
    hop(atLeastAccepted(acked), 'Acknowledged by Kafka', { by, note: noteOf(rest) }),
  ];
}

function hop(
  at: string,
  what: string,
  { by, note }: { by?: string | undefined; note?: string | undefined } = {},
): Hop {
  return { at, what, by, note };
}

function noteOf(detail: unknown): string | undefined {
  if (typeof detail !== 'object' || detail === null) return undefined;
  const parts = Object.entries(detail).map(
    ([key, value]) => `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return parts.length === 0 ? undefined : parts.join(', ');
}

const WIDTH = 200;

/** Each hop with what it took since the one before, and where in the whole it lies. */
export function Timeline({ hops }: { hops: readonly Hop[] }) {
  const start = Date.parse(hops[0]?.at ?? '');
  const whole = Math.max(1, Date.parse(hops.at(-1)?.at ?? '') - start);
  return h(
    'ol',
    { class: 'timeline' },
    hops.map(({ at, what, by, note }, index) => {
      const from = Date.parse(hops[index - 1]?.at ?? at) - start;
      const to = Date.parse(at) - start;
      return h(
        'li',
        null,
        h('span', { class: 'took' }, index === 0 ? format.time(at) : `+${format.duration(to - from)}`),
        h(
          'svg',
          { class: 'span', viewBox: `0 0 ${WIDTH} 8`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
          h('rect', {
            x: (from / whole) * (WIDTH - 3),
            y: 1,
            width: ((to - from) / whole) * (WIDTH - 3) + 3,
            height: 6,
          }),
        ),
        h(
          'span',
          { class: 'what' },
          what,
          by && h('small', null, ` by ${by}`),
          note && h('small', { class: 'note' }, note),
        ),
      );
    }),
  );
}
