import { AckPolicy, DeliverPolicy, DiscardPolicy, RetentionPolicy, StorageType } from '@nats-io/jetstream';
import {
  checkConsumer,
  checkMessages,
  checkStream,
  MAX_MESSAGE_BYTES,
  noSuchConsumer,
  noSuchStream,
  streamOf,
} from '../../engine/bus-rules.ts';
import { isMillraceError } from '../../engine/errors.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import {
  type BusMessage,
  type ConsumerRef,
  type ConsumerSpec,
  consumerDefaults,
  type DeadMessage,
  type EventBus,
  type HandleDelivery,
  type StreamSpec,
} from '../../engine/ports/event-bus.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { NatsConfig } from './config.ts';
import { type Nats, openNats } from './connection.ts';
import { listDead, redriveDead } from './dead-letters.ts';
import { isMissing, translate } from './errors.ts';
import { Member } from './member.ts';
import { toHeaders } from './message.ts';
import { ensureOwnStreams, ownStreams } from './own-streams.ts';
import { NatsRoleScheduler } from './role-scheduler.ts';

export interface NatsBusOptions {
  readonly config: NatsConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  /** As the server's list of connections shows it. */
  readonly name?: string;
  readonly maxMessageBytes?: number;
  /** How long a member that died keeps its consumer, where no process has said it before; 10 seconds unless given. */
  readonly roleMs?: number;
  /** How often a member that waits for its consumer tries; 1 second unless given. */
  readonly intervalMs?: number;
}

/** The event bus in NATS JetStream: streams and durable consumers of the server, dead letters in a stream of their own. */
export class NatsBus implements EventBus {
  readonly #options: NatsBusOptions;
  readonly #roles: NatsRoleScheduler;
  #opening: Promise<Nats> | undefined;
  #streams: readonly StreamSpec[] = [];

  constructor(options: NatsBusOptions) {
    this.#options = options;
    const { clock, logger, intervalMs = 1_000 } = options;
    this.#roles = new NatsRoleScheduler({ nats: () => this.#nats(), clock, logger, intervalMs });
  }

  async ensureStream(spec: StreamSpec): Promise<void> {
    const nats = await this.#nats();
    this.#streams = await this.#list(nats);
    checkStream(spec, this.#streams);
    const subjects = [...spec.subjects];
    const max_age = (spec.maxAgeMs ?? 0) * 1_000_000;
    await this.#translated(`declaring the stream ${spec.name}`, async () => {
      if (this.#streams.some(({ name }) => name === spec.name)) {
        await nats.manager.streams.update(spec.name, { subjects, max_age });
        return;
      }
      await nats.manager.streams.add({
        name: spec.name,
        subjects,
        max_age,
        retention: RetentionPolicy.Limits,
        storage: StorageType.File,
        discard: DiscardPolicy.Old,
        num_replicas: nats.replicas,
      });
    });
    this.#streams = [...this.#streams.filter(({ name }) => name !== spec.name), spec];
  }

  async ensureConsumer(spec: ConsumerSpec): Promise<void> {
    const full = checkConsumer(spec);
    const { manager } = await this.#nats();
    const changeable = {
      ack_wait: full.ackWaitMs * 1_000_000,
      max_ack_pending: full.maxPending,
      filter_subject: full.filterSubject,
      // The server's own limit gives up in silence; this one the members read.
      description: `max deliver ${full.maxDeliver}`,
    };
    await this.#translated(`declaring the consumer ${spec.name}`, async () => {
      const { consumers } = manager;
      const known = await consumers.info(spec.stream, spec.name).catch(unlessMissing);
      if (known) await consumers.update(spec.stream, spec.name, changeable);
      else
        await consumers.add(spec.stream, {
          ...changeable,
          durable_name: spec.name,
          ack_policy: AckPolicy.Explicit,
          deliver_policy: DeliverPolicy.All,
        });
    }).catch((error: unknown) => {
      throw isMillraceError(error) && error.code === 'stream_missing' ? noSuchStream(spec.stream) : error;
    });
  }

  async publish(messages: readonly BusMessage[]): Promise<readonly bigint[]> {
    const nats = await this.#nats();
    const { maxMessageBytes = MAX_MESSAGE_BYTES } = this.#options;
    const room = (nats.connection.info?.max_payload ?? MAX_MESSAGE_BYTES) - HEADER_ROOM;
    checkMessages(messages, Math.min(maxMessageBytes, room));
    await this.#checkClaimed(nats, messages);
    const sent = messages.map((message) =>
      // Never sent again by itself: it would come behind those that were sent after it.
      nats.client.publish(message.subject, message.payload, { headers: toHeaders(message), retries: 0 }),
    );
    const results = await Promise.allSettled(sent);
    return results.map((result, index) => {
      if (result.status === 'fulfilled') return BigInt(result.value.seq);
      throw translate(result.reason, `publishing to ${messages[index]?.subject}`);
    });
  }

  async subscribe(consumer: ConsumerRef, handle: HandleDelivery, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    const nats = await this.#nats();
    const spec = await this.#consumer(nats, consumer);
    await new Member({ nats, roles: this.#roles, clock, logger }, spec, handle).run(signal);
  }

  async deadLetters(consumer: ConsumerRef, { limit }: { readonly limit: number }): Promise<DeadMessage[]> {
    const nats = await this.#nats();
    return this.#translated('reading dead letters', () => listDead(nats, consumer, limit));
  }

  async redrive(consumer: ConsumerRef, sequences: readonly bigint[]): Promise<number> {
    const nats = await this.#nats();
    return this.#translated('redriving dead letters', () => redriveDead(nats, consumer, sequences));
  }

  async backlog({ stream, name }: ConsumerRef): Promise<number> {
    const { manager } = await this.#nats();
    return this.#translated(`counting what waits for ${name}`, async () => {
      const info = await manager.consumers.info(stream, name).catch(unlessMissing);
      if (!info) throw noSuchConsumer({ stream, name });
      return info.num_pending + info.num_ack_pending;
    });
  }

  async close(): Promise<void> {
    const opening = this.#opening;
    this.#opening = undefined;
    const nats = await opening?.catch(() => undefined);
    await nats?.connection.close();
  }

  #nats(): Promise<Nats> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #open(): Promise<Nats> {
    const { config, name = 'millrace', roleMs = 10_000 } = this.#options;
    const nats = await openNats(config, name);
    await this.#translated('making the streams of the bus itself', () => ensureOwnStreams(nats, roleMs));
    return nats;
  }

  async #list({ manager }: Nats): Promise<StreamSpec[]> {
    return this.#translated('listing streams', async () => {
      const found: StreamSpec[] = [];
      for await (const { config } of manager.streams.list()) {
        if (!ownStreams.includes(config.name))
          found.push({ name: config.name, subjects: config.subjects ?? [] });
      }
      return found;
    });
  }

  async #checkClaimed(nats: Nats, messages: readonly BusMessage[]): Promise<void> {
    try {
      for (const { subject } of messages) streamOf(this.#streams, subject);
    } catch (error) {
      if (!isMillraceError(error) || error.code !== 'stream_missing') throw error;
      // It may have been declared since we looked, by another process.
      this.#streams = await this.#list(nats);
      for (const { subject } of messages) streamOf(this.#streams, subject);
    }
  }

  async #consumer({ manager }: Nats, ref: ConsumerRef): Promise<Required<ConsumerSpec>> {
    return this.#translated(`reading the consumer ${ref.name}`, async () => {
      const info = await manager.consumers.info(ref.stream, ref.name).catch(unlessMissing);
      if (!info) throw noSuchConsumer(ref);
      const { ack_wait, max_ack_pending, filter_subject, description = '' } = info.config;
      return {
        ...ref,
        filterSubject: filter_subject || consumerDefaults.filterSubject,
        ackWaitMs: (ack_wait ?? consumerDefaults.ackWaitMs * 1_000_000) / 1_000_000,
        maxDeliver: Number(/^max deliver (\d+)$/.exec(description)?.[1] ?? consumerDefaults.maxDeliver),
        maxPending: max_ack_pending ?? consumerDefaults.maxPending,
      };
    });
  }

  async #translated<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw translate(error, doing);
    }
  }
}

/** Of what a message may weigh at the server, what is left for the names and marks of headers. */
const HEADER_ROOM = 16_384;

function unlessMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}
