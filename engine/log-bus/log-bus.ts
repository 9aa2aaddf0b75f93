import {
  checkConsumer,
  checkMessages,
  checkStream,
  noSuchConsumer,
  noSuchStream,
  streamOf,
} from '../bus-rules.ts';
import { isMillraceError } from '../errors.ts';
import { Gathering } from '../gathering.ts';
import type { Clock } from '../ports/clock.ts';
import type { DeliveryLedger, LedgerConsumer } from '../ports/delivery-ledger.ts';
import type {
  BusMessage,
  ConsumerRef,
  ConsumerSpec,
  DeadMessage,
  EventBus,
  HandleDelivery,
  StreamSpec,
} from '../ports/event-bus.ts';
import type { Logger } from '../ports/logger.ts';
import type { LogMessage, MessageLog } from '../ports/message-log.ts';
import type { RoleScheduler } from '../ports/role-scheduler.ts';
import { LogMember } from './log-member.ts';

export interface LogBusOptions {
  readonly log: MessageLog;
  readonly ledger: DeliveryLedger;
  readonly roles: RoleScheduler;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxMessageBytes: number;
}

const CALLS_AT_ONCE = 500;

/**
 * An event bus of a log, which keeps the messages, and a ledger, which keeps what consumers have not settled. Publishing
 * costs what the log costs; consuming costs the ledger two statements for each batch.
 */
export class LogBus implements EventBus {
  readonly #options: LogBusOptions;
  readonly #appending: Gathering<readonly LogMessage[], readonly bigint[]>;
  #streams: readonly StreamSpec[] = [];

  constructor(options: LogBusOptions) {
    this.#options = options;
    this.#appending = new Gathering(CALLS_AT_ONCE, (calls) => this.#append(calls));
  }

  async ensureStream(spec: StreamSpec): Promise<void> {
    const { ledger, log } = this.#options;
    await ledger.ensureStream(spec, async (others) => {
      checkStream(spec, others);
      await log.ensure(spec);
    });
    this.#streams = [];
  }

  async ensureConsumer(spec: ConsumerSpec): Promise<void> {
    if (!(await this.#options.ledger.ensureConsumer(checkConsumer(spec)))) throw noSuchStream(spec.stream);
  }

  async publish(messages: readonly BusMessage[]): Promise<readonly bigint[]> {
    checkMessages(messages, this.#options.maxMessageBytes);
    if (messages.length === 0) return [];
    return this.#appending.add(await this.#claimed(messages));
  }

  async subscribe(ref: ConsumerRef, handle: HandleDelivery, signal: AbortSignal): Promise<void> {
    const consumer = await this.#consumer(ref);
    await new LogMember(this.#options, consumer, handle).run(signal);
  }

  async deadLetters(
    ref: ConsumerRef,
    { limit }: { readonly limit: number },
  ): Promise<readonly DeadMessage[]> {
    return this.#options.ledger.dead(await this.#consumer(ref), limit);
  }

  async redrive(ref: ConsumerRef, sequences: readonly bigint[]): Promise<number> {
    return this.#options.ledger.revive(await this.#consumer(ref), sequences);
  }

  async backlog(ref: ConsumerRef): Promise<number> {
    const { ledger, log } = this.#options;
    const consumer = await this.#consumer(ref);
    // In this order: what is taken in between is counted twice, and never not at all.
    const behind = await log.countBehind(consumer.stream, await ledger.places(consumer));
    return behind + (await ledger.countOpen(consumer));
  }

  close(): Promise<void> {
    return this.#options.log.close();
  }

  async #consumer(ref: ConsumerRef): Promise<LedgerConsumer> {
    const consumer = await this.#options.ledger.consumer(ref);
    if (!consumer) throw noSuchConsumer(ref);
    return consumer;
  }

  async #claimed(messages: readonly BusMessage[]): Promise<LogMessage[]> {
    try {
      return messages.map((message) => this.#claim(message));
    } catch (error) {
      if (!isMillraceError(error) || error.code !== 'stream_missing') throw error;
      // It may have been declared since we looked, by another process.
      this.#streams = await this.#options.ledger.streams();
      return messages.map((message) => this.#claim(message));
    }
  }

  #claim(message: BusMessage): LogMessage {
    const stream = streamOf(this.#streams, message.subject).name;
    return { key: '', headers: {}, ...message, stream };
  }

  async #append(calls: readonly (readonly LogMessage[])[]): Promise<(readonly bigint[])[]> {
    const sequences = await this.#options.log.append(calls.flat());
    let at = 0;
    return calls.map(({ length }) => {
      at += length;
      return sequences.slice(at - length, at);
    });
  }
}
