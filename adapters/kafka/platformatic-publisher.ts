import { compatibilityPartitioner, type MessageToProduce, ProduceAcks, Producer } from '@platformatic/kafka';
import type { OutgoingRecord, Publisher, PublishReceipt } from '../../engine/ports/event-streamer.ts';
import type { Topic } from '../../events/ids.ts';
import type { KafkaConfig } from './config.ts';
import { connectionOptions } from './connection-options.ts';
import { isTooLarge, topicMissing, translate } from './errors.ts';
import { resolveBrokers } from './msk-brokers.ts';
import { OffsetGuard } from './offset-guard.ts';
import { PublishGate } from './publish-gate.ts';
import { requestRanges, tooLarge } from './request-ranges.ts';

/** About a minute of tries; the library would go on for ever, and the caller can do better with a new producer. */
const RETRIES = 35;
const RETRY_DELAY = { firstMs: 50, maxMs: 2_000 } as const;
/** A topic just created is unknown to some brokers for a moment: a second and a half, with the delays below. */
const UNKNOWN_TOPIC_RETRIES = 5;
const REQUEST_TIMEOUT_MS = 30_000;

/** Connects the producer of @platformatic/kafka. @throws MillraceError that names what the broker refused */
export async function connectPlatformaticPublisher(
  config: KafkaConfig,
  clientId: string,
): Promise<Publisher> {
  try {
    const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
      clientId,
      bootstrapBrokers: await resolveBrokers(config),
      ...connectionOptions(config),
      requestTimeout: REQUEST_TIMEOUT_MS,
      idempotent: true,
      acks: ProduceAcks.ALL,
      // The default one differs from the Java client's, which other producers of the topic use.
      partitioner: compatibilityPartitioner,
      autocreateTopics: false,
      retries: RETRIES,
      retryDelay: (_client, _operation, attempt) =>
        Math.min(RETRY_DELAY.maxMs, RETRY_DELAY.firstMs * 2 ** Math.min(attempt - 1, 10)),
    });
    return await PlatformaticPublisher.open(config, producer);
  } catch (error) {
    throw translate(error, { config, doing: 'connecting a producer', otherwise: 'broker_unreachable' });
  }
}

type Message = MessageToProduce<Buffer, Buffer, Buffer, Buffer>;

/**
 * One send at a time: with several, the library sends the later ones again before the first has had its second try, which
 * turns their order round.
 */
class PlatformaticPublisher implements Publisher {
  readonly #config: KafkaConfig;
  readonly #producer: Producer<Buffer, Buffer, Buffer, Buffer>;
  readonly #offsets = new OffsetGuard();
  readonly #known = new Set<Topic>();
  readonly #gate = new PublishGate();

  private constructor(config: KafkaConfig, producer: Producer<Buffer, Buffer, Buffer, Buffer>) {
    this.#config = config;
    this.#producer = producer;
  }

  static async open(
    config: KafkaConfig,
    producer: Producer<Buffer, Buffer, Buffer, Buffer>,
  ): Promise<PlatformaticPublisher> {
    try {
      await producer.initIdempotentProducer({});
    } catch (error) {
      await producer.close(true);
      throw error;
    }
    return new PlatformaticPublisher(config, producer);
  }

  publish(records: readonly OutgoingRecord[]): Promise<PublishReceipt> {
    const topics = new Set(records.map(({ topic }) => topic));
    return this.#gate.pass(
      async () => {
        const refused: { index: number; reason: string }[] = [];
        for (const topic of topics) await this.#requireTopic(topic);
        for (const [from, to] of requestRanges(records)) await this.#send(records, { from, to, refused });
        return { refused };
      },
      (error) => translate(error, { config: this.#config, doing: `publishing to ${[...topics].join(', ')}` }),
    );
  }

  async close(): Promise<void> {
    this.#gate.close();
    await this.#producer.close(true);
  }

  /** A send to a topic that is not there would be tried again for a minute. */
  async #requireTopic(topic: Topic): Promise<void> {
    if (this.#known.has(topic)) return;
    const wanted = { topics: [topic], autocreateTopics: false, retries: UNKNOWN_TOPIC_RETRIES };
    await this.#producer.metadata(wanted).catch((error: unknown) => {
      if (!(error instanceof Error) || !error.message.startsWith('Unknown topic')) throw error;
      throw topicMissing(topic, error);
    });
    this.#known.add(topic);
  }

  async #send(
    records: readonly OutgoingRecord[],
    part: { from: number; to: number; refused: { index: number; reason: string }[] },
  ): Promise<void> {
    const { from, to, refused } = part;
    try {
      const { offsets = [] } = await this.#producer.send({ messages: records.slice(from, to).map(message) });
      for (const { topic, partition, offset } of offsets) this.#offsets.check(topic, partition, offset);
    } catch (error) {
      if (!isTooLarge(error)) throw error;
      if (to - from === 1) {
        refused.push({ index: from, reason: tooLarge(records[from]) });
        return;
      }
      // The library takes a new producer id after a failure. Records of another partition may have been stored: they come
      // twice.
      const middle = from + Math.ceil((to - from) / 2);
      await this.#send(records, { from, to: middle, refused });
      await this.#send(records, { from: middle, to, refused });
    }
  }
}

function message({ topic, key, value, headers }: OutgoingRecord): Message {
  const named = headers.map((header): [Buffer, Buffer] => [Buffer.from(header.name), header.value]);
  return { topic, key, value, headers: new Map(named) };
}
