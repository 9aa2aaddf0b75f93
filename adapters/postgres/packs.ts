import { hash } from 'node:crypto';
import type { NewJob } from '../../engine/commit.ts';
import type { JobId, Topic } from '../../events/ids.ts';
import { MAX_PACK_BYTES, MAX_PACK_MESSAGES } from '../../events/pack.ts';

type Dispatching = Pick<NewJob, 'id' | 'dispatch'>;

/**
 * Numbers the packs of each topic so that none grows beyond the limits, and each holds keys of one shard: a number modulo
 * `shards` is its shard. Jobs without a message get 0.
 */
export function packNumbers(jobs: readonly Dispatching[], shards: number): number[] {
  const open = new Map<string, { number: number; count: number; bytes: number }>();
  return jobs.map(({ dispatch }) => {
    if (!dispatch) return 0;
    const shard = shardOf(dispatch.message, shards);
    const name = `${shard} ${dispatch.topic}`;
    const pack = open.get(name) ?? { number: shard, count: 0, bytes: 0 };
    const full = pack.count === MAX_PACK_MESSAGES || pack.bytes + dispatch.message.length > MAX_PACK_BYTES;
    if (full && pack.count > 0) Object.assign(pack, { number: pack.number + shards, count: 0, bytes: 0 });
    pack.count += 1;
    pack.bytes += dispatch.message.length;
    open.set(name, pack);
    return pack.number;
  });
}

/**
 * What the jobs of a pack carry so that their dispatch can be written down once for all of them: the id of the pack's first
 * job. None for a job without a message.
 */
export function dispatchIds(jobs: readonly Dispatching[], shards: number): (JobId | undefined)[] {
  const numbers = packNumbers(jobs, shards);
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
  readonly shard: number;
  readonly count: number;
  readonly bytes: Buffer;
  /** As {@link dispatchIds} gives it; a pack of one has none. */
  readonly dispatchId: JobId | undefined;
}

/** The outbox rows of jobs that will all be written, in the order of their first messages. */
export function readyPacks(jobs: readonly Dispatching[], shards: number): ReadyPack[] {
  const numbers = packNumbers(jobs, shards);
  const packs = new Map<string, { topic: Topic; shard: number; first: JobId; messages: Buffer[] }>();
  jobs.forEach(({ id, dispatch }, index) => {
    if (!dispatch) return;
    const number = numbers[index] ?? 0;
    const name = `${number} ${dispatch.topic}`;
    const pack = packs.get(name);
    if (pack) pack.messages.push(dispatch.message);
    else {
      packs.set(name, {
        topic: dispatch.topic,
        shard: number % shards,
        first: id,
        messages: [dispatch.message],
      });
    }
  });
  return [...packs.values()].map(({ topic, shard, first, messages }) => ({
    topic,
    shard,
    count: messages.length,
    bytes: Buffer.concat(messages),
    dispatchId: messages.length > 1 ? first : undefined,
  }));
}

/** Of a record's key; the same as `millrace.shard_key` in SQL (migration 0016). */
export function shardKey(key: Buffer): number {
  return hash('sha256', key, 'buffer').readUInt16BE(0) & 0x7f_ff;
}

const KEY_LENGTH_AT = 16;
const KEY_AT = 20;

/** Of a pack of one: its key stands behind the job's id (events/pack.ts). */
function shardOf(message: Buffer, shards: number): number {
  if (shards === 1) return 0;
  return shardKey(message.subarray(KEY_AT, KEY_AT + message.readInt32BE(KEY_LENGTH_AT))) % shards;
}
