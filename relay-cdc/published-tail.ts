import type { Clock } from '../engine/ports/clock.ts';
import type {
  OutgoingRecord,
  Publisher,
  PublishReceipt,
  ReadTail,
  TailRecord,
} from '../engine/ports/event-streamer.ts';
import type { Logger } from '../engine/ports/logger.ts';
import { header } from '../events/headers.ts';
import type { Lsn, Topic } from '../events/ids.ts';
import type { PackedHeader } from '../events/pack.ts';
import { laterOf, parseLsn } from './lsn.ts';
import type { RelayMetrics } from './metrics.ts';
import type { PlacedRow } from './outgoing.ts';
import { unlessAborted } from './waiting.ts';

/** A leader waits so long for the broker's log, at most; what has not been read by then may be repeated. */
const READ_MS = 1_000;
const MAX_KNOWN = 200_000;

/**
 * What the broker's log has of messages that will come again, because their leader died before it could confirm or clear
 * them. It takes a message for published when the same topic holds its `dedup-id`, which every copy of one dispatch has and
 * no other dispatch, with a commit position that is not after its own: so a copy from a time that a restore has undone
 * proves nothing.
 */
export class PublishedTail {
  readonly #known = new Map<string, Lsn>();
  #newest = 0n as Lsn;

  get size(): number {
    return this.#known.size;
  }

  note({ topic, headers }: TailRecord): void {
    const identity = identityOf(topic, headers);
    if (!identity || this.#known.size >= MAX_KNOWN) return;
    this.#known.set(identity.name, identity.lsn);
    this.#newest = laterOf(this.#newest, identity.lsn);
  }

  /** Whether it may hold one of these. Every copy of what the log brings has the position of its commit, or a later one. */
  mayHold(rows: readonly PlacedRow[]): boolean {
    if (this.#known.size === 0) return false;
    return rows.some(({ commitLsn, fromTable }) => fromTable || commitLsn <= this.#newest);
  }

  has({ topic, headers }: OutgoingRecord): boolean {
    const identity = identityOf(topic, headers);
    if (!identity) return false;
    const published = this.#known.get(identity.name);
    return published !== undefined && published <= identity.lsn;
  }

  forget(): void {
    this.#known.clear();
  }
}

function identityOf(topic: Topic, headers: readonly PackedHeader[]): { name: string; lsn: Lsn } | undefined {
  const id = headers.find(({ name }) => name === header.dedupId)?.value.toString();
  const lsn = headers.find(({ name }) => name === header.commitLsn)?.value.toString();
  // What somebody else wrote to the topic is none of ours.
  if (!id || !lsn || !/^[0-9a-f]{1,8}\/[0-9a-f]{1,8}$/i.test(lsn)) return undefined;
  return { name: `${topic} ${id}`, lsn: parseLsn(lsn) };
}

export interface TailDeps {
  readonly read: ReadTail;
  readonly topics: () => Promise<readonly Topic[]>;
  readonly perPartition: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Fills the tail with what can be read within that time. A failure costs duplicates, never a message. */
export async function readPublished(tail: PublishedTail, deps: TailDeps, stop: AbortSignal): Promise<void> {
  const { read, topics, perPartition, clock, logger } = deps;
  const over = new AbortController();
  const signal = AbortSignal.any([stop, over.signal]);
  const began = clock.now().getTime();
  const late = new Error(`it took longer than ${READ_MS} ms`);
  const timer = clock.sleep(READ_MS, signal).then(() => over.abort(late));
  try {
    const reading = topics().then((names) => read(names, { perPartition, signal }, (one) => tail.note(one)));
    await unlessAborted(reading, signal);
    logger.info("read the tail of the broker's log, since the last leader did not hand over", {
      records: tail.size,
      milliseconds: clock.now().getTime() - began,
    });
  } catch (error) {
    logger.warn("the tail of the broker's log was not read to its end: messages may be repeated", {
      records: tail.size,
      error,
    });
  } finally {
    over.abort();
    await timer;
  }
}

/** Publishes what the tail does not hold. What it does counts as published. */
export class SkippingPublisher implements Publisher {
  readonly #publisher: Publisher;
  readonly #tail: PublishedTail;
  readonly #metrics: Pick<RelayMetrics, 'skipped'>;

  constructor(publisher: Publisher, tail: PublishedTail, metrics: Pick<RelayMetrics, 'skipped'>) {
    this.#publisher = publisher;
    this.#tail = tail;
    this.#metrics = metrics;
  }

  async publish(records: readonly OutgoingRecord[]): Promise<PublishReceipt> {
    const places: number[] = [];
    const wanted = records.filter((record, index) => {
      if (this.#tail.has(record)) return false;
      places.push(index);
      return true;
    });
    this.#metrics.skipped(records.length - wanted.length);
    const { refused } = await this.#publisher.publish(wanted);
    return { refused: refused.map(({ index, reason }) => ({ index: places[index] ?? index, reason })) };
  }

  close(): Promise<void> {
    return this.#publisher.close();
  }
}
