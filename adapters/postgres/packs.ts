import type { NewJob } from '../../engine/commit.ts';
import type { JobId, Topic } from '../../events/ids.ts';
import { MAX_PACK_BYTES, MAX_PACK_MESSAGES } from '../../events/pack.ts';

type Dispatching = Pick<NewJob, 'id' | 'dispatch'>;

/** Numbers the packs of each topic so that none grows beyond the limits; jobs without a message get 0. */
export function packNumbers(jobs: readonly Dispatching[]): number[] {
  const open = new Map<string, { number: number; count: number; bytes: number }>();
  return jobs.map(({ dispatch }) => {
    if (!dispatch) return 0;
    const pack = open.get(dispatch.topic) ?? { number: 0, count: 0, bytes: 0 };
    const full = pack.count === MAX_PACK_MESSAGES || pack.bytes + dispatch.message.length > MAX_PACK_BYTES;
    if (full && pack.count > 0) Object.assign(pack, { number: pack.number + 1, count: 0, bytes: 0 });
    pack.count += 1;
    pack.bytes += dispatch.message.length;
    open.set(dispatch.topic, pack);
    return pack.number;
  });
}

/**
 * What the jobs of a pack carry so that their dispatch can be written down once for all of them: the id of the pack's first
 * job. None for a job without a message.
 */
export function dispatchIds(jobs: readonly Dispatching[]): (JobId | undefined)[] {
  const numbers = packNumbers(jobs);
  const firsts = new Map<string, JobId>();
  return jobs.map(({ id, dispatch }, index) => {
    if (!dispatch) return undefined;
    const name = `${numbers[index]} ${dispatch.topic}`;
    const first = firsts.get(name) ?? id;
    firsts.set(name, first);
    return first;
  });
}

export interface ReadyPack {
  readonly topic: Topic;
  readonly count: number;
  readonly bytes: Buffer;
  /** As {@link dispatchIds} gives it; a pack of one has none. */
  readonly dispatchId: JobId | undefined;
}

/** The outbox rows of jobs that will all be written, in the order of their first messages. */
export function readyPacks(jobs: readonly Dispatching[]): ReadyPack[] {
  const numbers = packNumbers(jobs);
  const packs = new Map<string, { topic: Topic; first: JobId; messages: Buffer[] }>();
  jobs.forEach(({ id, dispatch }, index) => {
    if (!dispatch) return;
    const name = `${numbers[index]} ${dispatch.topic}`;
    const pack = packs.get(name);
    if (pack) pack.messages.push(dispatch.message);
    else packs.set(name, { topic: dispatch.topic, first: id, messages: [dispatch.message] });
  });
  return [...packs.values()].map(({ topic, first, messages }) => ({
    topic,
    count: messages.length,
    bytes: Buffer.concat(messages),
    dispatchId: messages.length > 1 ? first : undefined,
  }));
}
