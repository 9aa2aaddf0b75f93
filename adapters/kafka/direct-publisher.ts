import type {
  OutgoingPack,
  OutgoingRecord,
  Publisher,
  PublishReceipt,
} from '../../engine/ports/event-streamer.ts';
import type { JobId, Topic } from '../../events/ids.ts';
import { encodePack } from '../../events/pack.ts';
import { BatchMemory } from './batch-memory.ts';
import type { KafkaConfig } from './config.ts';
import { Delivery } from './delivery.ts';
import { DirectCluster } from './direct-cluster.ts';
import { translate } from './errors.ts';
import { firstMessageBytes, halves, type Lot, planLots, writeLot } from './lots.ts';
import type { PartitionBatch } from './produce.ts';
import { PublishGate } from './publish-gate.ts';
import { sealBatch } from './record-batch.ts';

/** Sequence numbers of a partition go round after this many records. */
const SEQUENCES = 2 ** 31;

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

/** A lot under its sequence number. It is repeated byte for byte until the broker has it: the broker knows it by that. */
interface Sent extends PartitionBatch {
  readonly lot: Lot;
}

type Refused = { index: number; reason: string };

/**
 * The relay's publisher. Of each partition at most one batch is under way, so that a batch that must be repeated can never be
 * overtaken by a later one; partitions and brokers go side by side.
 */
class DirectPublisher implements Publisher {
  readonly #config: KafkaConfig;
  readonly #cluster: DirectCluster;
  readonly #delivery: Delivery;
  readonly #producer: { readonly producerId: bigint; readonly producerEpoch: number };
  readonly #sequences = new Map<string, number>();
  readonly #memory = new BatchMemory();
  readonly #gate = new PublishGate();

  constructor(
    config: KafkaConfig,
    cluster: DirectCluster,
    producer: { producerId: bigint; producerEpoch: number },
  ) {
    this.#config = config;
    this.#cluster = cluster;
    this.#delivery = new Delivery(cluster);
    this.#producer = producer;
  }

  publish(records: readonly OutgoingRecord[]): Promise<PublishReceipt> {
    return this.publishPacks(records.map(packOfOne));
  }

  publishPacks(packs: readonly OutgoingPack[]): Promise<PublishReceipt> {
    const topics = new Set(packs.map(({ topic }) => topic));
    return this.#gate.pass(
      async () => {
        const refused: Refused[] = [];
        const queues = planLots(packs, await this.#partitionsOf(topics));
        while (queues.length > 0) await this.#round(queues, refused);
        return { refused: refused.sort((a, b) => a.index - b.index) };
      },
      (error) => translate(error, { config: this.#config, doing: `publishing to ${[...topics].join(', ')}` }),
    );
  }

  async close(): Promise<void> {
    this.#gate.close();
    await this.#cluster.close();
  }

  async #partitionsOf(topics: ReadonlySet<Topic>): Promise<Map<Topic, number>> {
    const counts = new Map<Topic, number>();
    for (const topic of topics) counts.set(topic, (await this.#delivery.leadersOf(topic)).length);
    return counts;
  }

  /** The first lot of every queue, until the broker has each or has refused it. */
  async #round(queues: Lot[][], refused: Refused[]): Promise<void> {
    this.#memory.reset();
    const firsts = queues.flatMap((queue) => queue.slice(0, 1)).map((lot) => this.#write(lot));
    const outcomes = await this.#delivery.deliver(firsts);
    for (const [position, { lot }] of firsts.entries()) {
      const queue = queues[position] ?? [];
      queue.shift();
      if (outcomes[position] === 'stored') this.#advance(lot);
      else if (lot.places.length > 1) queue.unshift(...halves(lot));
      else refused.push({ index: lot.places[0] ?? 0, reason: tooLarge(lot) });
    }
    for (let at = queues.length - 1; at >= 0; at -= 1) if (queues[at]?.length === 0) queues.splice(at, 1);
  }

  #write(lot: Lot): Sent {
    const { topic, partition, places } = lot;
    const baseSequence = this.#sequences.get(`${topic}-${partition}`) ?? 0;
    const bytes = writeLot(this.#memory.take(lot.bound), lot);
    this.#memory.keep(bytes.length);
    const identity = { ...this.#producer, baseSequence };
    sealBatch(bytes, places.length, { identity, timestamp: Date.now() });
    return { lot, topic, partition, bytes };
  }

  #advance({ topic, partition, places }: Lot): void {
    const key = `${topic}-${partition}`;
    this.#sequences.set(key, ((this.#sequences.get(key) ?? 0) + places.length) % SEQUENCES);
  }
}

const NO_JOB = '00000000-0000-0000-0000-000000000000' as JobId;

/** One way into a batch, for records too: it is the tested one. */
function packOfOne({ topic, key, value, headers }: OutgoingRecord): OutgoingPack {
  const messages = encodePack([{ jobId: NO_JOB, key, value, headers }]);
  return { topic, messages, messageCount: 1, headers: [], firstIndex: undefined };
}

function tooLarge(lot: Lot): string {
  return `the broker refuses a record of ${firstMessageBytes(lot)} bytes: it is larger than max.message.bytes of ${lot.topic}`;
}
