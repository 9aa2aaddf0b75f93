import { setTimeout as delay } from 'node:timers/promises';
import {
  type Broker,
  type Connection,
  ConnectionPool,
  initProducerIdV4,
  metadataV9,
  ResponseError,
} from '@platformatic/kafka';
import type { Topic } from '../../events/ids.ts';
import type { KafkaConfig } from './config.ts';
import { connectionOptions } from './connection-options.ts';
import { isPassing, topicMissing } from './errors.ts';
import { resolveBrokers } from './msk-brokers.ts';
import { closedDuringCall } from './publish-gate.ts';

const REQUEST_TIMEOUT_MS = 30_000;
/** A broker that has just started gives no producer ids for a moment. */
const COORDINATOR_MS = 15_000;
const COORDINATOR_PAUSE_MS = 200;
/** Partitions may be added, and brokers replaced without an error telling of it. */
const METADATA_AGE_MS = 300_000;

export interface TopicLeaders {
  /** The leader's node id by partition; -1 while there is none. */
  readonly leaders: readonly number[];
}

/** Connections to the brokers (authentication, TLS and framing are the library's) and who leads which partition. */
export class DirectCluster {
  readonly #config: KafkaConfig;
  readonly #pool: ConnectionPool;
  readonly #topics = new Map<Topic, { leaders: readonly number[]; readAt: number }>();
  readonly #closing = new AbortController();
  #brokers = new Map<number, Broker>();

  constructor(config: KafkaConfig, clientId: string) {
    this.#config = config;
    this.#pool = new ConnectionPool(clientId, {
      ...connectionOptions(config),
      requestTimeout: REQUEST_TIMEOUT_MS,
    });
  }

  /** Aborted by `close`, with what those are told who still want something. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /** A new idempotent producer's id. @throws what the connection or the broker says */
  async initProducer(): Promise<{ producerId: bigint; producerEpoch: number }> {
    const deadline = performance.now() + COORDINATOR_MS;
    for (;;) {
      try {
        return await initProducerIdV4.api.async(await this.#anyConnection(), null, 0, -1n, -1);
      } catch (error) {
        if (!isPassing(error) || performance.now() > deadline) throw error;
        await delay(COORDINATOR_PAUSE_MS);
      }
    }
  }

  /** @throws MillraceError `topic_missing` when a topic does not exist; no topic is created by asking */
  async leadersOf(topic: Topic): Promise<readonly number[]> {
    const known = this.#topics.get(topic);
    if (known && performance.now() - known.readAt < METADATA_AGE_MS) return known.leaders;
    return this.refresh(topic);
  }

  async refresh(topic: Topic): Promise<readonly number[]> {
    const answer = await metadataV9.api
      .async(await this.#anyConnection(), [topic], false, false)
      .catch((error: unknown) => metadataError(error, topic));
    this.#brokers = new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    const partitions = answer.topics.find(({ name }) => name === topic)?.partitions ?? [];
    const leaders: number[] = Array.from({ length: partitions.length }, () => -1);
    for (const { partitionIndex, leaderId } of partitions) leaders[partitionIndex] = leaderId;
    this.#topics.set(topic, { leaders, readAt: performance.now() });
    return leaders;
  }

  async connectionTo(nodeId: number): Promise<Connection> {
    const broker = this.#brokers.get(nodeId);
    if (!broker) throw new Error(`broker ${nodeId} is not known`);
    return this.#unlessClosed(() => this.#pool.get(broker));
  }

  /** What is under way ends with it, and nothing connects any more: the pool itself would open new connections. */
  async close(): Promise<void> {
    this.#closing.abort(closedDuringCall());
    await this.#pool.close();
  }

  async #unlessClosed(connect: () => Promise<Connection>): Promise<Connection> {
    this.closed.throwIfAborted();
    const connection = await connect();
    if (this.closed.aborted) await connection.close();
    this.closed.throwIfAborted();
    return connection;
  }

  #anyConnection(): Promise<Connection> {
    return this.#unlessClosed(() => this.#firstAvailable());
  }

  /** Brokers known from the cluster itself first: those named in the settings may have been replaced. */
  async #firstAvailable(): Promise<Connection> {
    if (this.#brokers.size > 0) {
      const connection = await this.#pool
        .getFirstAvailable([...this.#brokers.values()])
        .catch(() => undefined);
      if (connection) return connection;
    }
    const seeds = (await resolveBrokers(this.#config)).map((broker) => {
      const colon = broker.lastIndexOf(':');
      return { host: broker.slice(0, colon), port: Number(broker.slice(colon + 1)) };
    });
    return this.#pool.getFirstAvailable(seeds);
  }
}

function metadataError(error: unknown, topic: Topic): never {
  const code = error instanceof ResponseError ? firstTopicCode(error) : undefined;
  if (code === 3) throw topicMissing(topic, error);
  throw error;
}

function firstTopicCode(error: ResponseError): number | undefined {
  const response: unknown = 'response' in error ? error.response : undefined;
  if (typeof response !== 'object' || response === null || !('topics' in response)) return undefined;
  const [first]: unknown[] = Array.isArray(response.topics) ? response.topics : [];
  if (typeof first !== 'object' || first === null || !('errorCode' in first)) return undefined;
  return typeof first.errorCode === 'number' ? first.errorCode : undefined;
}
