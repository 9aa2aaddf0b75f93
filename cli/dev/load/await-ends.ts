import { systemClock } from '../../../adapters/system/clock.ts';
import type { LoadApi } from './api.ts';
import type { LoadPlan } from './plan.ts';
import { idOf, listOf } from './submit.ts';

const LOOK_MS = 500;

export interface AwaitOptions {
  readonly until: number;
  readonly signal: AbortSignal;
  readonly onProgress: (open: number) => void;
}

const OPEN = { jobs: ['pending', 'queued', 'running', 'retrying'], workflows: ['running'] } as const;

/** Waits until none of them is open, or the time is over. */
export async function awaitEnds(
  api: LoadApi,
  { kind, ids }: { readonly kind: LoadPlan['kind']; readonly ids: ReadonlySet<string> },
  { until, signal, onProgress }: AwaitOptions,
): Promise<void> {
  while (await anyOpen(api, kind, ids)) {
    onProgress(await depth(api));
    if (Date.now() > until) return;
    await systemClock.sleep(LOOK_MS, signal);
    signal.throwIfAborted();
  }
}

/** How many of them are in each state. The list is walked from the newest to the oldest of them. */
export async function tally(
  api: LoadApi,
  kind: LoadPlan['kind'],
  ids: ReadonlySet<string>,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for await (const { id, status } of walk(api, kind, ids)) {
    if (ids.has(id)) counts[status] = (counts[status] ?? 0) + 1;
  }
  return counts;
}

async function anyOpen(api: LoadApi, kind: LoadPlan['kind'], ids: ReadonlySet<string>): Promise<boolean> {
  for (const status of OPEN[kind]) {
    for await (const { id } of walk(api, kind, ids, `&status=${status}`)) if (ids.has(id)) return true;
  }
  return false;
}

async function* walk(api: LoadApi, kind: LoadPlan['kind'], ids: ReadonlySet<string>, filter = '') {
  // Ids rise with time; an older one than the first of ours ends the walk.
  let oldest: string | undefined;
  for (const id of ids) if (oldest === undefined || id < oldest) oldest = id;
  for (let cursor = ''; ; ) {
    const page = await api.get(`/api/v1/${kind}?limit=1000${filter}${cursor}`);
    for (const item of listOf(page, kind)) {
      const id = idOf(item);
      if (oldest === undefined || id < oldest) return;
      yield { id, status: textOf(item, 'status') };
    }
    const next = textOf(page, 'next_cursor');
    if (next === '') return;
    cursor = `&cursor=${next}`;
  }
}

/** Jobs that are queued or running, from the metrics: cheap enough to be asked for all the time. */
async function depth(api: LoadApi): Promise<number> {
  const metrics = await api.text('/metrics');
  const gauge = (name: string) => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(metrics)?.[1] ?? 0);
  return gauge('queue_depth') + gauge('worker_busy');
}

function textOf(value: unknown, name: string): string {
  const text = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  return typeof text === 'string' ? text : '';
}
