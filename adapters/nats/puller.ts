import { createInbox, type Msg, nanos, type Subscription } from '@nats-io/transport-node';
import type { ConsumerRef } from '../../engine/ports/event-bus.ts';
import type { Nats } from './connection.ts';

const BATCH = 256;
const EXPIRES_MS = 30_000;
/** Of a server that says there is nobody to ask, and of one that says nothing for longer than a request lasts. */
const AGAIN_MS = 500;

/**
 * Asks a consumer for messages, always for some more than are there. Unlike the client's own `consume` it can end without
 * leaving any on the way, which would come again only when their time is over: what the server has sent until it heard of
 * the end is handed on.
 */
export class Puller {
  readonly #nats: Nats;
  readonly #consumer: ConsumerRef;
  readonly #take: (message: Msg) => void;
  readonly #inbox = createInbox();
  readonly #subscription: Subscription;
  /** Asked for and not come yet. */
  #wanted = 0;
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;

  constructor(nats: Nats, consumer: ConsumerRef, take: (message: Msg) => void) {
    this.#nats = nats;
    this.#consumer = consumer;
    this.#take = take;
    this.#subscription = nats.connection.subscribe(this.#inbox, {
      callback: (error, message) => (error ? this.#startOver(AGAIN_MS) : this.#hear(message)),
    });
    this.#ask();
    void this.#watch();
  }

  /** Resolves once all that was on the way has been handed on. */
  async end(): Promise<void> {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    // A connection that is gone has nothing on the way.
    await this.#subscription.drain().catch(() => undefined);
  }

  #hear(message: Msg): void {
    // A message keeps its subject; what comes to the inbox itself says how the request goes.
    if (message.subject !== this.#inbox) {
      this.#wanted -= 1;
      this.#take(message);
      if (this.#wanted <= BATCH / 2) this.#ask();
      return;
    }
    const { code } = message.headers ?? { code: 0 };
    const left = Number(message.headers?.get('Nats-Pending-Messages') || Number.NaN);
    if (code === 408 || code === 404) {
      this.#wanted = Number.isNaN(left) ? 0 : Math.max(0, this.#wanted - left);
      this.#ask();
    } else if (code !== 100) this.#startOver(AGAIN_MS);
  }

  #ask(): void {
    if (this.#hasEnded || this.#nats.connection.isClosed()) return;
    const { stream, name } = this.#consumer;
    const batch = BATCH - Math.max(0, this.#wanted);
    if (batch === 0) return;
    this.#wanted += batch;
    const request = JSON.stringify({ batch, expires: nanos(EXPIRES_MS) });
    this.#nats.connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, request, {
      reply: this.#inbox,
    });
    // The answer to a request may be lost with a connection.
    this.#later(EXPIRES_MS + 5_000);
  }

  #startOver(milliseconds: number): void {
    this.#wanted = 0;
    this.#later(milliseconds);
  }

  #later(milliseconds: number): void {
    clearTimeout(this.#timer);
    if (this.#hasEnded) return;
    this.#timer = setTimeout(() => {
      this.#wanted = 0;
      this.#ask();
    }, milliseconds).unref();
  }

  async #watch(): Promise<void> {
    for await (const { type } of this.#nats.connection.status()) {
      if (this.#hasEnded) return;
      if (type === 'reconnect') this.#startOver(0);
    }
  }
}
