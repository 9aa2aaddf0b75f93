import type { OutgoingPack } from '../../engine/ports/event-streamer.ts';
import type { Topic } from '../../events/ids.ts';
import { PackCursor } from '../../events/pack.ts';
import { ByteWriter } from './byte-writer.ts';
import { murmur2, partitionOf } from './partitioner.ts';
import { BATCH_HEADER_BYTES, encodeHeaders, recordBound, writeRecord } from './record-batch.ts';

/** Bytes of one batch, at most: a broker takes 1 MiB of one partition by default. */
const MAX_BATCH_BYTES = 900_000;

/** A pack with what its messages share, encoded. */
interface ReadyPack {
  readonly messages: Buffer;
  readonly headers: Buffer;
  readonly headerCount: number;
  /** Added to a message's place among all that are published: its `commit-index`. */
  readonly firstIndex: number | undefined;
  readonly firstPlace: number;
}

/** Messages of one partition that go out as one batch. What is told of each stands in arrays, at the same place in each. */
export interface Lot {
  readonly topic: Topic;
  readonly partition: number;
  readonly packs: readonly ReadyPack[];
  /** Where the message begins in its pack. */
  readonly starts: readonly number[];
  /** Its place among all messages of the publish. */
  readonly places: readonly number[];
  /** Bytes of the whole batch, at most. */
  readonly bound: number;
}

interface OpenLot extends Lot {
  readonly packs: ReadyPack[];
  readonly starts: number[];
  readonly places: number[];
  bound: number;
}

/** For each partition that has messages its lots, in order. @param partitionsOf how many a topic has */
export function planLots(packs: readonly OutgoingPack[], partitionsOf: ReadonlyMap<Topic, number>): Lot[][] {
  const topics = new Map<Topic, OpenLot[][]>();
  const cursor = new PackCursor(Buffer.alloc(0));
  let shared: Pick<ReadyPack, 'headers' | 'headerCount'> | undefined;
  let sharedBy: OutgoingPack['headers'] | undefined;
  let place = 0;
  for (const { topic, messages, headers, firstIndex } of packs) {
    if (!shared || sharedBy !== headers) {
      shared = { headers: encodeHeaders(headers), headerCount: headers.length };
      sharedBy = headers;
    }
    const { headers: encoded, headerCount } = shared;
    const pack = { messages, headers: encoded, headerCount, firstIndex, firstPlace: place };
    const partitions = topics.get(topic) ?? [];
    if (partitions.length === 0) topics.set(topic, partitions);
    const count = partitionsOf.get(topic) ?? 1;
    cursor.moveTo(messages, 0);
    while (cursor.next()) {
      const partition = partitionOf(murmur2(messages, cursor.keyAt, cursor.keyLength), count);
      const lots = partitions[partition] ?? [];
      partitions[partition] = lots;
      const size = recordBound(cursor, shared.headers.length);
      const lot = lotFor(lots, { topic, partition, size });
      lot.packs.push(pack);
      lot.starts.push(cursor.start);
      lot.places.push(place);
      place += 1;
    }
  }
  return [...topics.values()].flatMap((partitions) => partitions.filter((lots) => lots !== undefined));
}

/** The last lot if the record still fits into it, or a new one; with the record's size taken into account. */
function lotFor(
  lots: OpenLot[],
  { topic, partition, size }: { topic: Topic; partition: number; size: number },
): OpenLot {
  const last = lots.at(-1);
  if (last && last.bound + size <= MAX_BATCH_BYTES) {
    last.bound += size;
    return last;
  }
  const lot = { topic, partition, packs: [], starts: [], places: [], bound: BATCH_HEADER_BYTES + size };
  lots.push(lot);
  return lot;
}

/** Writes the lot's records behind room for the head of their batch. @returns the batch, a view of `target` */
export function writeLot(target: Buffer, { packs, starts, places }: Lot): Buffer {
  const to = new ByteWriter(target, BATCH_HEADER_BYTES);
  const message = new PackCursor(target);
  const extras = { headers: target, headerCount: 0, index: -1 };
  const record = { message, extras };
  for (let offset = 0; offset < packs.length; offset += 1) {
    const pack = packs[offset];
    if (!pack) continue;
    message.moveTo(pack.messages, starts[offset] ?? 0);
    message.next();
    const place = (places[offset] ?? 0) - pack.firstPlace;
    extras.headers = pack.headers;
    extras.headerCount = pack.headerCount;
    extras.index = pack.firstIndex === undefined ? -1 : pack.firstIndex + place;
    writeRecord(to, offset, record);
  }
  return target.subarray(0, to.at);
}

/** Nothing of a batch that is refused for its size was stored, so halving it repeats nothing. */
export function halves(lot: Lot): [Lot, Lot] {
  const middle = Math.ceil(lot.starts.length / 2);
  const part = (from: number, to?: number): Lot => ({
    ...lot,
    packs: lot.packs.slice(from, to),
    starts: lot.starts.slice(from, to),
    places: lot.places.slice(from, to),
  });
  return [part(0, middle), part(middle)];
}

/** Of the lot's first message, as it lies in its pack. */
export function firstMessageBytes({ packs: [pack], starts: [start] }: Lot): number {
  if (!pack) return 0;
  const cursor = new PackCursor(pack.messages, start);
  cursor.next();
  return cursor.end - cursor.start;
}
