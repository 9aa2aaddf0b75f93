import { MillraceError } from '../../../engine/errors.ts';
import type { LoadApi } from './api.ts';
import type { LoadPlan } from './plan.ts';

export interface SubmitOptions {
  readonly count: number;
  readonly concurrency: number;
  /** Jobs a request. */
  readonly batch: number;
  readonly onProgress: (submitted: number) => void;
}

/** Sends all of the plan. @returns the ids, which rise with time */
export async function submit(api: LoadApi, plan: LoadPlan, options: SubmitOptions): Promise<Set<string>> {
  const { count, concurrency, onProgress } = options;
  const batch = plan.kind === 'jobs' ? options.batch : 1;
  const ids = new Set<string>();
  let next = 0;
  const caller = async () => {
    while (next < count) {
      const from = next;
      next = Math.min(count, from + batch);
      const items = Array.from({ length: next - from }, (_, index) => plan.item(from + index));
      for (const id of await send(api, plan, items)) ids.add(id);
      onProgress(ids.size);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  return ids;
}

async function send(api: LoadApi, { kind }: LoadPlan, items: readonly unknown[]): Promise<string[]> {
  const [only] = items;
  if (items.length === 1) return [idOf(await api.post(`/api/v1/${kind}`, only))];
  const answer = await api.post('/api/v1/jobs/batch', { jobs: items });
  return listOf(answer, 'jobs').map(idOf);
}

export function idOf(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string')
    return value.id;
  throw unexpected('an object with an id', value);
}

export function listOf(value: unknown, name: string): unknown[] {
  const list = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  if (Array.isArray(list)) return list;
  throw unexpected(`a list "${name}"`, value);
}

function unexpected(what: string, value: unknown): MillraceError {
  return new MillraceError(
    'internal',
    `The API should have answered with ${what}, and not ${JSON.stringify(value)?.slice(0, 200)}.`,
  );
}
