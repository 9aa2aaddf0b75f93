import {
  CompressionTypes,
  type Kafka,
  type PartitionerArgs,
  type Producer,
  type TopicMessages,
} from 'kafkajs';
import type { OutgoingRecord, Publisher, PublishReceipt } from '../../engine/ports/event-streamer.ts';
import { createClient } from './client.ts';
import type { KafkaConfig } from './config.ts';
import { isTooLarge, translate } from './errors.ts';
import { SendAnswers } from './kafkajs-answers.ts';
import { OffsetGuard } from './offset-guard.ts';
import { closedDuringCall, PublishGate } from './publish-gate.ts';
import { requestRanges, tooLarge } from './request-ranges.ts';

/** Connects an idempotent producer. @throws MillraceError that names what the broker refused */
export async function connectKafkaJsPublisher(config: KafkaConfig, clientId: string): Promise<Publisher> {
  const publisher = new KafkaPublisher(config, clientId);
  await publisher.connect();
  return publisher;
}

/**
 * kafkajs is safe in one discipline only: one send in flight, acks of all replicas, idempotent, an answer for every partition,
 * and a new producer after any error. After a failed send it takes sequence numbers back that the broker may have stored; using
 * them again would make the broker drop the next batch as a duplicate and call it a success.
 */
class KafkaPublisher implements Publisher {
  readonly #config: KafkaConfig;
  readonly #client: Kafka;
  readonly #gate = new PublishGate();
  readonly #offsets = new OffsetGuard();
  readonly #answers = new SendAnswers();
  #producer: Producer | undefined;

  constructor(config: KafkaConfig, clientId: string) {
    this.#config = config;
    this.#client = createClient(config, { clientId });
  }

  async connect(): Promise<void> {
    const producer = this.#client.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: () => (args) => this.#partition(args),
    });
    try {
      await producer.connect();
      this.#requireOpen();
      this.#producer = producer;
    } catch (error) {
      await producer.disconnect();
      throw translate(error, {
        config: this.#config,
        doing: 'connecting a producer',
        otherwise: 'broker_unreachable',
      });
    }
  }

  publish(records: readonly OutgoingRecord[]): Promise<PublishReceipt> {
    const topics = new Set(records.map(({ topic }) => topic));
    return this.#gate.pass(
      async () => {
        const refused: { index: number; reason: string }[] = [];
        for (const [from, to] of requestRanges(records)) await this.#send(records, { from, to, refused });
        return { refused };
      },
      (error) => translate(error, { config: this.#config, doing: `publishing to ${[...topics].join(', ')}` }),
    );
  }

  async close(): Promise<void> {
    this.#gate.close();
    await this.#disconnect();
  }

  async #disconnect(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    await producer?.disconnect();
  }

  /** Asked anew at every try of a send: kafkajs itself goes on trying once its producer is disconnected, and connects again. */
  #partition(args: PartitionerArgs): number {
    this.#requireOpen();
    return this.#answers.partition(args);
  }

  #requireOpen(): void {
    // What makes kafkajs give up.
    if (this.#gate.isClosed) throw Object.assign(closedDuringCall(), { retriable: false });
  }

  async #send(records: readonly OutgoingRecord[], part: Part): Promise<void> {
    const { from, to, refused } = part;
    this.#requireOpen();
    try {
      const batch = {
        acks: -1,
        compression: CompressionTypes.None,
        topicMessages: byTopic(records, from, to),
      };
      this.#answers.begin();
      const answers = (await this.#producer?.sendBatch(batch)) ?? [];
      this.#answers.check(answers);
      for (const { topicName, partition, baseOffset } of answers) {
        if (baseOffset !== undefined) this.#offsets.check(topicName, partition, BigInt(baseOffset));
      }
    } catch (error) {
      if (!isTooLarge(error)) throw error;
      await this.#disconnect();
      await this.connect();
      if (to - from === 1) {
        refused.push({ index: from, reason: tooLarge(records[from]) });
        return;
      }
      // Halving finds the records that are too large. Those of another partition may have been stored: they come twice.
      const middle = from + Math.ceil((to - from) / 2);
      await this.#send(records, { from, to: middle, refused });
      await this.#send(records, { from: middle, to, refused });
    }
  }
}

interface Part {
  readonly from: number;
  readonly to: number;
  readonly refused: { index: number; reason: string }[];
}

function byTopic(records: readonly OutgoingRecord[], from: number, to: number): TopicMessages[] {
  const topics = new Map<string, TopicMessages>();
  for (let index = from; index < to; index += 1) {
    const record = records[index];
    if (!record) continue;
    let group = topics.get(record.topic);
    if (!group) {
      group = { topic: record.topic, messages: [] };
      topics.set(record.topic, group);
    }
    const headers: Record<string, Buffer> = {};
    for (const { name, value } of record.headers) headers[name] = value;
    group.messages.push({ key: record.key, value: record.value, headers });
  }
  return [...topics.values()];
}
