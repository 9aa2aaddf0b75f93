import { setTimeout as delay } from 'node:timers/promises';
import { MillraceError } from '../../engine/errors.ts';
import type { OutgoingRecord, Publisher, PublishReceipt } from '../../engine/ports/event-streamer.ts';
import type { Topic } from '../../events/ids.ts';
import type { KafkaConfig } from './config.ts';
import { DirectCluster } from './direct-cluster.ts';
import { translate } from './errors.ts';
import { OffsetGuard } from './offset-guard.ts';
import { murmur2 } from './partitioner.ts';
import { type PartitionBatch, type PartitionResult, produce } from './produce.ts';
import { recordBatchBound, recordBound, writeRecordBatch } from './record-batch.ts';

/** Bytes of one batch, at most: a broker takes 1 MiB of one partition by default. */
const MAX_BATCH_BYTES = 900_000;
/** For how long a batch is repeated before the publisher gives up; the caller then replays through a new one. */
const GIVE_UP_MS = 60_000;
const PAUSE = { firstMs: 50, maxMs: 2_000 } as const;
/** A topic just created is unknown to some brokers for a moment. */
const UNKNOWN_TOPIC_MS = 2_000;
/** Sequence numbers of a partition go round after this many records. */
const SEQUENCES = 2 ** 31;

/** What a produce request can be answered with, by what there is to do (Kafka's protocol guide, error codes). */
const STORED_BEFORE = 46;
const TOO_LARGE = new Set([10, 18]);
const UNKNOWN_TOPIC = 3;
const PASSING = new Set([5, 6, 7, 8, 9, 13, 19, 20, 56, 72, 74, 75, 89, 100]);
const ERROR_NAMES: Readonly<Record<number, string>> = {
  2: 'CORRUPT_MESSAGE',
  29: 'TOPIC_AUTHORIZATION_FAILED',
  31: 'CLUSTER_AUTHORIZATION_FAILED',
  45: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
  47: 'INVALID_PRODUCER_EPOCH',
  59: 'UNKNOWN_PRODUCER_ID',
  87: 'INVALID_RECORD',
};

/** Connects an idempotent producer that writes record batches itself. */
export async function connectDirectPublisher(config: KafkaConfig, clientId: string): Promise<Publisher> {
  const cluster = new DirectCluster(config, clientId);
  try {
    return new DirectPublisher(config, cluster, await cluster.initProducer());
  } catch (error) {
    await cluster.close();
    throw translate(error, { config, doing: 'connecting a producer', otherwise: 'broker_unreachable' });
  }
}

/** Records of one partition that go out as one batch. */
interface Lot {
  readonly topic: Topic;
  readonly partition: number;
  readonly records: readonly OutgoingRecord[];
  /** Their places in the published array. */
  readonly indexes: readonly number[];
}

/** A lot under its sequence number. It is repeated byte for byte until the broker has it: the broker knows it by that. */
interface Sent extends PartitionBatch {
  readonly lot: Lot;
}

/**
 * The relay's publisher. Of each partition at most one batch is under way, so that a batch that must be repeated can never be
 * overtaken by a later one; partitions and brokers go side by side.
 */
class DirectPublisher implements Publisher {
  readonly #config: KafkaConfig;
  readonly #cluster: DirectCluster;
  readonly #producer: { readonly producerId: bigint; readonly producerEpoch: number };
  readonly #offsets = new OffsetGuard();
  readonly #sequences = new Map<string, number>();
  readonly #memory = new BatchMemory();
  #state: 'open' | 'busy' | 'closed' = 'open';
  #failure: MillraceError | undefined;

  constructor(
    config: KafkaConfig,
    cluster: DirectCluster,
    producer: { producerId: bigint; producerEpoch: number },
  ) {
    this.#config = config;
    this.#cluster = cluster;
    this.#producer = producer;
  }

  async publish(records: readonly OutgoingRecord[]): Promise<PublishReceipt> {
    this.#requireOpen();
    this.#state = 'busy';
    const refused: { index: number; reason: string }[] = [];
    try {
      const queues = await this.#lots(records);
      while (queues.length > 0) await this.#round(queues, refused);
      this.#state = 'open';
      return { refused: refused.sort((a, b) => a.index - b.index) };
    } catch (error) {
      const topics = [...new Set(records.map(({ topic }) => topic))].join(', ');
      this.#failure = translate(error, { config: this.#config, doing: `publishing to ${topics}` });
      this.#state = 'closed';
      throw this.#failure;
    }
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    await this.#cluster.close();
  }

  #requireOpen(): void {
    if (this.#state === 'open') return;
    if (this.#state === 'busy') {
      throw new MillraceError('internal', 'A publish is under way; one at a time keeps the order.');
    }
    throw new MillraceError(
      'publish_failed',
      'This publisher is closed or has failed; open a new one and replay.',
      {
        cause: this.#failure,
        retryable: true,
      },
    );
  }

  /** A queue of lots for each partition, in order. */
  async #lots(records: readonly OutgoingRecord[]): Promise<Lot[][]> {
    const partitions = new Map<string, { topic: Topic; partition: number; indexes: number[] }>();
    let topic: Topic | undefined;
    let count = 0;
    for (const [index, record] of records.entries()) {
      if (record.topic !== topic) {
        topic = record.topic;
        count = (await this.#knownLeaders(topic)).length;
      }
      const partition = (murmur2(record.key) & 0x7fffffff) % count;
      const key = `${topic}-${partition}`;
      const group = partitions.get(key) ?? { topic, partition, indexes: [] };
      group.indexes.push(index);
      partitions.set(key, group);
    }
    return [...partitions.values()].map((group) => splitBySize(group, records));
  }

  /** A topic that was created this very moment may not be known to the first broker that is asked. */
  async #knownLeaders(topic: Topic): Promise<readonly number[]> {
    const deadline = performance.now() + UNKNOWN_TOPIC_MS;
    for (;;) {
      try {
        return await this.#cluster.leadersOf(topic);
      } catch (error) {
        const missing = error instanceof MillraceError && error.code === 'topic_missing';
        if (!missing || performance.now() > deadline) throw error;
        await delay(PAUSE.firstMs * 4);
      }
    }
  }

  /** The first lot of every queue, until the broker has each or has refused it. */
  async #round(queues: Lot[][], refused: { index: number; reason: string }[]): Promise<void> {
    this.#memory.reset();
    const firsts = queues.flatMap((queue) => queue.slice(0, 1)).map((lot) => this.#write(lot));
    const outcomes = await this.#deliver(firsts);
    for (const [position, { lot }] of firsts.entries()) {
      const queue = queues[position] ?? [];
      queue.shift();
      if (outcomes[position] === 'stored') this.#advance(lot);
      else if (lot.records.length > 1) queue.unshift(...halves(lot));
      else refused.push({ index: lot.indexes[0] ?? 0, reason: tooLarge(lot) });
    }
    for (let at = queues.length - 1; at >= 0; at -= 1) if (queues[at]?.length === 0) queues.splice(at, 1);
  }

  #write(lot: Lot): Sent {
    const { topic, partition, records } = lot;
    const baseSequence = this.#sequences.get(`${topic}-${partition}`) ?? 0;
    const target = this.#memory.take(recordBatchBound(records));
    const identity = { ...this.#producer, baseSequence };
    const bytes = writeRecordBatch(target, records, { identity, timestamp: Date.now() });
    this.#memory.keep(bytes.length);
    return { lot, topic, partition, bytes };
  }

  #advance({ topic, partition, records }: Lot): void {
    const key = `${topic}-${partition}`;
    this.#sequences.set(key, ((this.#sequences.get(key) ?? 0) + records.length) % SEQUENCES);
  }

  async #deliver(batches: readonly Sent[]): Promise<('stored' | 'too_large')[]> {
    const outcomes = new Map<Sent, 'stored' | 'too_large'>();
    const deadline = performance.now() + GIVE_UP_MS;
    for (
      let pause: number = PAUSE.firstMs;
      outcomes.size < batches.length;
      pause = Math.min(pause * 2, PAUSE.maxMs)
    ) {
      const open = batches.filter((batch) => !outcomes.has(batch));
      const failure = await this.#attempt(open, outcomes);
      if (failure === undefined) continue;
      if (performance.now() + pause > deadline) throw failure;
      await delay(pause);
      for (const topic of new Set(open.map((batch) => batch.topic))) {
        // Who leads may have changed; when nobody can be asked the next attempt says so.
        await this.#cluster.refresh(topic).catch(rethrowMissing);
      }
    }
    return batches.map((batch) => outcomes.get(batch) ?? 'stored');
  }

  /** Sends every batch to its leader once. @returns why some must be sent again; throws what repeating cannot mend */
  async #attempt(open: readonly Sent[], outcomes: Map<Sent, 'stored' | 'too_large'>): Promise<unknown> {
    const leaders = await Promise.all(open.map(({ topic }) => this.#knownLeaders(topic)));
    const byLeader = Map.groupBy(
      open.entries(),
      ([index, { partition }]) => leaders[index]?.[partition] ?? -1,
    );
    let again: unknown;
    await Promise.all(
      [...byLeader].map(async ([leader, entries]) => {
        const batches = entries.map(([, batch]) => batch);
        const results = await this.#sendTo(leader, batches).catch((error: unknown) => {
          again ??= error;
          return [];
        });
        for (const [index, result] of results.entries()) {
          const batch = batches[index];
          if (!batch) continue;
          const outcome = this.#read(batch, result);
          if (outcome === 'again') again ??= protocolError(result.errorCode);
          else outcomes.set(batch, outcome);
        }
      }),
    );
    return again;
  }

  async #sendTo(leader: number, batches: readonly Sent[]): Promise<PartitionResult[]> {
    return produce(await this.#cluster.connectionTo(leader), batches);
  }

  #read(
    { topic, partition }: Sent,
    { errorCode, baseOffset }: PartitionResult,
  ): 'stored' | 'too_large' | 'again' {
    if (errorCode === STORED_BEFORE) return 'stored';
    if (TOO_LARGE.has(errorCode)) return 'too_large';
    if (PASSING.has(errorCode) || errorCode === UNKNOWN_TOPIC) return 'again';
    if (errorCode !== 0) throw protocolError(errorCode);
    this.#offsets.check(topic, partition, baseOffset);
    return 'stored';
  }
}

function rethrowMissing(error: unknown): void {
  if (error instanceof MillraceError && error.code === 'topic_missing') throw error;
}

function splitBySize(
  { topic, partition, indexes }: { topic: Topic; partition: number; indexes: readonly number[] },
  records: readonly OutgoingRecord[],
): Lot[] {
  const lots: { topic: Topic; partition: number; records: OutgoingRecord[]; indexes: number[] }[] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const index of indexes) {
    const record = records[index];
    if (!record) continue;
    const size = recordBound(record);
    if (bytes + size > MAX_BATCH_BYTES) {
      lots.push({ topic, partition, records: [], indexes: [] });
      bytes = 0;
    }
    const lot = lots.at(-1);
    lot?.records.push(record);
    lot?.indexes.push(index);
    bytes += size;
  }
  return lots;
}

/** Nothing of a batch that is refused for its size was stored, so halving it repeats nothing. */
function halves(lot: Lot): [Lot, Lot] {
  const middle = Math.ceil(lot.records.length / 2);
  const part = (from: number, to?: number): Lot => ({
    ...lot,
    records: lot.records.slice(from, to),
    indexes: lot.indexes.slice(from, to),
  });
  return [part(0, middle), part(middle)];
}

function tooLarge({ records, topic }: Lot): string {
  const bytes = records[0] ? recordBound(records[0]) : 0;
  return `the broker refuses a record of ${bytes} bytes: it is larger than max.message.bytes of ${topic}`;
}

/** In the form in which the translation of errors looks for a protocol error. */
function protocolError(code: number): Error {
  const name =
    ERROR_NAMES[code] ?? (code === UNKNOWN_TOPIC ? 'UNKNOWN_TOPIC_OR_PARTITION' : `error code ${code}`);
  return Object.assign(new Error(`the broker answered ${name}`), { type: name });
}

const FIRST_BYTES = 1024 * 1024;

/**
 * Memory for the batches of one round, used again for the next: they are with the broker by then, and a megabyte of garbage
 * a publish is what makes a producer's resident size grow to hundreds.
 */
class BatchMemory {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #used = 0;

  reset(): void {
    this.#used = 0;
  }

  take(size: number): Buffer {
    if (this.#bytes.length - this.#used < size) {
      // What was handed out before stays where it is.
      this.#bytes = Buffer.allocUnsafeSlow(Math.max(size, FIRST_BYTES));
      this.#used = 0;
    }
    return this.#bytes.subarray(this.#used, this.#used + size);
  }

  keep(size: number): void {
    this.#used += size;
  }
}
