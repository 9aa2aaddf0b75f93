import {
  checkConsumer,
  checkMessages,
  checkStream,
  MAX_MESSAGE_BYTES,
  noSuchConsumer,
  noSuchStream,
  streamOf,
} from '../../engine/bus-rules.ts';
import { HandOver } from '../../engine/hand-over.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import type {
  BusMessage,
  ConsumerRef,
  ConsumerSpec,
  EventBus,
  HandleDelivery,
  StoredMessage,
  StreamSpec,
} from '../../engine/ports/event-bus.ts';
import { type Logger, silentLogger } from '../../engine/ports/logger.ts';
import { MemoryConsumer } from './bus-consumer.ts';

export interface MemoryBusOptions {
  readonly clock: Clock;
  readonly logger?: Logger;
  readonly maxMessageBytes?: number;
}

interface Stream {
  spec: StreamSpec;
  readonly messages: StoredMessage[];
  readonly consumers: Map<string, MemoryConsumer>;
}

/** An event bus within the process. Gone with it. */
export class MemoryEventBus implements EventBus {
  readonly #options: Required<MemoryBusOptions>;
  readonly #streams = new Map<string, Stream>();
  #sequence = 0n;

  constructor(options: MemoryBusOptions) {
    this.#options = { logger: silentLogger, maxMessageBytes: MAX_MESSAGE_BYTES, ...options };
  }

  async ensureStream(spec: StreamSpec): Promise<void> {
    checkStream(spec, this.#specs());
    const known = this.#streams.get(spec.name);
    if (known) known.spec = spec;
    else this.#streams.set(spec.name, { spec, messages: [], consumers: new Map() });
  }

  async ensureConsumer(spec: ConsumerSpec): Promise<void> {
    const full = checkConsumer(spec);
    const stream = this.#streams.get(spec.stream);
    if (!stream) throw noSuchStream(spec.stream);
    const known = stream.consumers.get(spec.name);
    if (known) known.change(full);
    else stream.consumers.set(spec.name, new MemoryConsumer(full, stream.messages, this.#options.clock));
  }

  async publish(messages: readonly BusMessage[]): Promise<readonly bigint[]> {
    checkMessages(messages, this.#options.maxMessageBytes);
    const streams = messages.map(({ subject }) => this.#streams.get(streamOf(this.#specs(), subject).name));
    const sequences = messages.map(({ subject, key = '', payload, headers = {} }, index) => {
      this.#sequence += 1n;
      const publishedAt = this.#options.clock.now();
      const stored = { subject, key, payload: Buffer.from(payload), headers: { ...headers }, publishedAt };
      streams[index]?.messages.push({ ...stored, sequence: this.#sequence });
      return this.#sequence;
    });
    for (const stream of new Set(streams))
      for (const consumer of stream?.consumers.values() ?? []) consumer.announce();
    return sequences;
  }

  async subscribe(ref: ConsumerRef, handle: HandleDelivery, signal: AbortSignal): Promise<void> {
    const consumer = this.#consumer(ref);
    await using turn = await consumer.turn(signal);
    if (!turn) return;
    const { clock, logger } = this.#options;
    const handOver = new HandOver({ handle, clock, logger, ackWaitMs: consumer.ackWaitMs });
    while (!signal.aborted) {
      const next = consumer.next(this.#maxAge(ref));
      if (next) handOver.take(next.delivery, next.giveBack);
      else await consumer.changed(signal);
    }
    await handOver.end();
  }

  async deadLetters(ref: ConsumerRef, { limit }: { readonly limit: number }) {
    return this.#consumer(ref).deadLetters().slice(0, limit);
  }

  async redrive(ref: ConsumerRef, sequences: readonly bigint[]): Promise<number> {
    return this.#consumer(ref).redrive(sequences);
  }

  async backlog(ref: ConsumerRef): Promise<number> {
    return this.#consumer(ref).backlog(this.#maxAge(ref));
  }

  async close(): Promise<void> {
    for (const { consumers } of this.#streams.values())
      for (const consumer of consumers.values()) consumer.close();
  }

  #specs(): StreamSpec[] {
    return [...this.#streams.values()].map(({ spec }) => spec);
  }

  #maxAge({ stream }: ConsumerRef): number {
    return this.#streams.get(stream)?.spec.maxAgeMs ?? Number.POSITIVE_INFINITY;
  }

  #consumer(ref: ConsumerRef): MemoryConsumer {
    const consumer = this.#streams.get(ref.stream)?.consumers.get(ref.name);
    if (!consumer) throw noSuchConsumer(ref);
    return consumer;
  }
}
