import type { Topic } from '../events/ids.ts';
import { BusReceiver } from './bus-receiver.ts';
import { MAX_MESSAGE_BYTES, messageSize } from './bus-rules.ts';
import { isMillraceError, MillraceError } from './errors.ts';
import type { Clock } from './ports/clock.ts';
import type { BusMessage, EventBus } from './ports/event-bus.ts';
import type { EventStreamer, OutgoingRecord, Publisher } from './ports/event-streamer.ts';

export interface BusStreamerOptions {
  readonly bus: EventBus;
  readonly clock: Clock;
  /** The stream that claims the topics. */
  readonly stream: string;
  readonly maxMessageBytes?: number;
}

/**
 * An event bus in a streamer's place, so that relay and workers need no Kafka: a topic is a subject, a group a consumer.
 * It keeps the clauses of the publisher. A receiver gets several batches side by side, of which no two ever hold the same key;
 * those of a key come in the order of first deliveries, and its offsets have gaps.
 */
export function createBusStreamer(options: BusStreamerOptions): EventStreamer {
  const { bus, maxMessageBytes = MAX_MESSAGE_BYTES } = options;
  return {
    publisher: async () => new BusPublisher(bus, maxMessageBytes),
    receiver: async (receiver) => BusReceiver.open(options, receiver),
  };
}

class BusPublisher implements Publisher {
  readonly #bus: EventBus;
  readonly #limit: number;
  #isUsable = true;

  constructor(bus: EventBus, limit: number) {
    this.#bus = bus;
    this.#limit = limit;
  }

  async publish(records: readonly OutgoingRecord[]) {
    if (!this.#isUsable) {
      throw new MillraceError(
        'publish_failed',
        'This publisher is closed or has failed; open a new one and replay.',
      );
    }
    const messages = records.map(toMessage);
    const reason = `larger than ${this.#limit} bytes`;
    const refused = messages.flatMap((message, index) =>
      messageSize(message) > this.#limit ? { index, reason } : [],
    );
    const taken = messages.filter((message) => messageSize(message) <= this.#limit);
    try {
      await this.#bus.publish(taken);
      return { refused };
    } catch (error) {
      this.#isUsable = false;
      throw meaning(error, records[0]?.topic);
    }
  }

  async close(): Promise<void> {
    this.#isUsable = false;
  }
}

function toMessage({ topic, key, value, headers }: OutgoingRecord): BusMessage {
  return {
    subject: topic,
    key: key.toString(),
    payload: value,
    headers: Object.fromEntries(headers.map((header) => [header.name, header.value.toString()])),
  };
}

function meaning(error: unknown, topic: Topic | undefined): MillraceError {
  const reason = error instanceof Error ? error.message : String(error);
  if (isMillraceError(error) && error.code === 'stream_missing') {
    return new MillraceError('topic_missing', reason, { cause: error });
  }
  return new MillraceError(
    'publish_failed',
    `The event bus did not take what was published to ${topic}: ${reason}`,
    {
      cause: error,
      retryable: true,
    },
  );
}
