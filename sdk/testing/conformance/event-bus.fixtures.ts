import { randomBytes } from 'node:crypto';
import type {
  BusDelivery,
  BusMessage,
  ConsumerRef,
  ConsumerSpec,
  EventBus,
  HandleDelivery,
} from '../../../engine/ports/event-bus.ts';
import type { BusUnderTest } from './event-bus.suite.ts';
import { patienceOf } from './suite.ts';
import { waitFor } from './wait-for.ts';

/** A stream of its own, whose name is also the first token of its subjects. */
export async function newStream({ buses }: BusUnderTest): Promise<string> {
  const name = `s${randomBytes(6).toString('hex')}`;
  await buses[0].ensureStream({ name, subjects: [`${name}.>`] });
  return name;
}

export async function newConsumer(
  { buses }: BusUnderTest,
  stream: string,
  spec: Partial<ConsumerSpec> = {},
): Promise<ConsumerRef> {
  const name = spec.name ?? `c${randomBytes(6).toString('hex')}`;
  await buses[0].ensureConsumer({ ...spec, stream, name });
  return { stream, name };
}

export function message(subject: string, text: string, rest: Partial<BusMessage> = {}): BusMessage {
  return { subject, payload: Buffer.from(text), ...rest };
}

export async function publishTexts(bus: EventBus, subject: string, texts: readonly string[]): Promise<void> {
  await bus.publish(texts.map((text) => message(subject, text)));
}

export function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index));
}

/** A member of a consumer, and what it has been handed. Acknowledges all unless told otherwise. */
export class Member implements AsyncDisposable {
  readonly deliveries: BusDelivery[] = [];
  /** Whether `subscribe` has ended. */
  isOver = false;
  readonly #abort = new AbortController();
  readonly #within: number;
  readonly #ended: Promise<void>;

  constructor(
    subject: BusUnderTest,
    bus: EventBus,
    consumer: ConsumerRef,
    handle: HandleDelivery = (one) => one.ack(),
  ) {
    this.#within = patienceOf(subject);
    this.#ended = bus.subscribe(
      consumer,
      async (delivery) => {
        this.deliveries.push(delivery);
        await handle(delivery);
      },
      this.#abort.signal,
    );
    const end = () => {
      this.isOver = true;
    };
    this.#ended.then(end, end);
  }

  get texts(): string[] {
    return this.deliveries.map(({ payload }) => payload.toString());
  }

  times(text: string): number {
    return this.texts.filter((one) => one === text).length;
  }

  async until(condition: (member: this) => boolean, what: string): Promise<void> {
    await waitFor(() => condition(this), {
      within: this.#within,
      what: `${what}; got ${this.texts.join(' ').slice(0, 300)}`,
    });
  }

  /** Resolves once `subscribe` has, and fails when it does not in time. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await waitFor(() => this.isOver, { within: this.#within, what: 'subscribe to end' });
    await this.#ended;
  }

  /** A handler that a failed check has left waiting must not keep the failure from being told. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop().catch(() => undefined);
  }
}
