import { ProduceAcks, Producer } from '@platformatic/kafka';
import { MillraceError } from '../../engine/errors.ts';
import { logNameOf } from '../../engine/log-bus/log-name.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import type { StreamSpec } from '../../engine/ports/event-bus.ts';
import type { LogMessage, LogReader, MessageLog } from '../../engine/ports/message-log.ts';
import type { Topic } from '../../events/ids.ts';
import { BUS_PARTITIONS } from './bus-partitions.ts';
import { createClient } from './client.ts';
import type { KafkaConfig } from './config.ts';
import { connectionOptions } from './connection-options.ts';
import { createTopics } from './create-topics.ts';
import { DirectCluster } from './direct-cluster.ts';
import { topicMissing, translate } from './errors.ts';
import { KafkaLogReader } from './log-reader.ts';
import { SUBJECT_HEADER, sequenceOf } from './logged-record.ts';
import { resolveBrokers } from './msk-brokers.ts';
import { murmur2, partitionOf } from './partitioner.ts';

export interface KafkaLogOptions {
  readonly config: KafkaConfig;
  readonly clock: Clock;
  /** Of each topic that is made; messages of one key are in one of them. {@link BUS_PARTITIONS} unless given. */
  readonly partitions?: number;
  /** Copies of each topic that is made; what the broker is set to unless given. */
  readonly replicationFactor?: number;
}

/** Bytes of one request, at most: a broker takes 1 MiB of one partition by default. */
const REQUEST_BYTES = 900_000;
const RETRIES = 10;
const REQUEST_TIMEOUT_MS = 30_000;
const FOR_EVER_MS = -1;
const RETENTION = 'retention.ms';
const TOPIC_RESOURCE = 2;

type Sender = Producer<Buffer, Buffer, Buffer, Buffer>;

/** A stream is the topic `millrace.bus.<stream>`, whose subjects stand in a header of each record. */
export class KafkaMessageLog implements MessageLog {
  readonly provider = 'kafka';
  readonly #options: KafkaLogOptions;
  #opening: Promise<{ producer: Sender; cluster: DirectCluster }> | undefined;

  constructor(options: KafkaLogOptions) {
    this.#options = options;
  }

  async ensure({ name, maxAgeMs = FOR_EVER_MS }: StreamSpec): Promise<void> {
    const { config, partitions = BUS_PARTITIONS, replicationFactor = -1 } = this.#options;
    const topic = topicOf(name);
    const admin = createClient(config, { retries: 2 }).admin();
    const configEntries = [{ name: RETENTION, value: String(maxAgeMs) }];
    try {
      await admin.connect();
      const isThere = (await admin.listTopics()).includes(topic);
      if (isThere) {
        await admin.alterConfigs({
          validateOnly: false,
          resources: [{ type: TOPIC_RESOURCE, name: topic, configEntries }],
        });
      } else {
        await createTopics(admin, [{ topic, numPartitions: partitions, replicationFactor, configEntries }]);
      }
    } catch (error) {
      throw translate(error, { config, doing: `declaring ${topic}`, otherwise: 'broker_unreachable' });
    } finally {
      await admin.disconnect();
    }
  }

  async append(messages: readonly LogMessage[]): Promise<readonly bigint[]> {
    const sequences: bigint[] = [];
    try {
      for (const part of requestsOf(messages)) sequences.push(...(await this.#send(part)));
      return sequences;
    } catch (error) {
      // A producer that has failed once may have lost count of what the broker has.
      await this.close();
      const topics = [...new Set(messages.map(({ stream }) => topicOf(stream)))].join(', ');
      throw translate(error, { config: this.#options.config, doing: `publishing to ${topics}` });
    }
  }

  async read(stream: string, behind: ReadonlyMap<string, bigint>): Promise<LogReader> {
    return new KafkaLogReader({ config: this.#options.config, topic: topicOf(stream), behind });
  }

  async countBehind(stream: string, behind: ReadonlyMap<string, bigint>): Promise<number> {
    const { config } = this.#options;
    const topic = topicOf(stream);
    const admin = createClient(config, { retries: 2 }).admin();
    try {
      await admin.connect();
      const offsets = await admin.fetchTopicOffsets(topic);
      return offsets.reduce((sum, { partition, low, high }) => {
        // What retention has deleted will never be read.
        const next = Math.max(Number(low), Number(behind.get(String(partition)) ?? -1n) + 1);
        return sum + Math.max(0, Number(high) - next);
      }, 0);
    } catch (error) {
      throw translate(error, {
        config,
        doing: `reading the offsets of ${topic}`,
        otherwise: 'broker_unreachable',
      });
    } finally {
      await admin.disconnect();
    }
  }

  async close(): Promise<void> {
    const opening = this.#opening;
    this.#opening = undefined;
    const opened = await opening?.catch(() => undefined);
    await Promise.all([opened?.producer.close(true), opened?.cluster.close()]);
  }

  async #send(messages: readonly LogMessage[]): Promise<bigint[]> {
    const { producer, cluster } = await this.#open();
    const records = [];
    for (const { stream, subject, key, payload, headers } of messages) {
      const topic = topicOf(stream);
      const partitions = (await cluster.leadersOf(topic)).length;
      if (partitions === 0) throw topicMissing(topic, undefined);
      const named = Object.entries(headers).map(([name, value]): [Buffer, Buffer] => [
        Buffer.from(name),
        Buffer.from(value),
      ]);
      records.push({
        topic,
        // Those without a key keep the order of their subject.
        partition: partitionOf(murmur2(Buffer.from(key || subject)), partitions),
        ...(key !== '' && { key: Buffer.from(key) }),
        value: payload,
        headers: new Map([[SUBJECT_HEADER, Buffer.from(subject)], ...named]),
        timestamp: BigInt(this.#options.clock.now().getTime()),
      });
    }
    const { offsets = [] } = await producer.send({ messages: records, acks: ProduceAcks.ALL });
    const next = new Map(offsets.map(({ topic, partition, offset }) => [`${topic} ${partition}`, offset]));
    return records.map(({ topic, partition }) => {
      const offset = next.get(`${topic} ${partition}`);
      if (offset === undefined)
        throw new MillraceError('publish_failed', `Kafka told no offset for ${topic}.`);
      next.set(`${topic} ${partition}`, offset + 1n);
      return sequenceOf(partition, offset);
    });
  }

  #open() {
    this.#opening ??= this.#connect().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #connect() {
    const { config } = this.#options;
    const producer: Sender = new Producer({
      clientId: 'millrace-bus',
      bootstrapBrokers: await resolveBrokers(config),
      ...connectionOptions(config),
      requestTimeout: REQUEST_TIMEOUT_MS,
      idempotent: true,
      acks: ProduceAcks.ALL,
      autocreateTopics: false,
      retries: RETRIES,
    });
    try {
      await producer.initIdempotentProducer({});
    } catch (error) {
      await producer.close(true);
      throw error;
    }
    return { producer, cluster: new DirectCluster(config, 'millrace-bus') };
  }
}

function topicOf(stream: string): Topic {
  return logNameOf(stream) as Topic;
}

function* requestsOf(messages: readonly LogMessage[]): Generator<LogMessage[]> {
  let request: LogMessage[] = [];
  let bytes = 0;
  for (const message of messages) {
    const size =
      message.payload.length + JSON.stringify(message.headers).length + message.subject.length + 200;
    if (request.length > 0 && bytes + size > REQUEST_BYTES) {
      yield request;
      request = [];
      bytes = 0;
    }
    request.push(message);
    bytes += size;
  }
  yield request;
}
