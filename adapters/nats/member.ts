import { type Msg, nanos } from '@nats-io/transport-node';
import { HandOver } from '../../engine/hand-over.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import type { BusDelivery, ConsumerSpec, HandleDelivery } from '../../engine/ports/event-bus.ts';
import { type Logger, withFields } from '../../engine/ports/logger.ts';
import type { RoleLease, RoleScheduler } from '../../engine/ports/role-scheduler.ts';
import type { Nats } from './connection.ts';
import { bury } from './dead-letters.ts';
import { translate } from './errors.ts';
import { type Delivered, readDelivered } from './message.ts';
import { Puller } from './puller.ts';

export interface MemberDeps {
  readonly nats: Nats;
  readonly roles: RoleScheduler;
  readonly clock: Clock;
  readonly logger: Logger;
}

const SETTLE_TIMEOUT_MS = 5_000;

/**
 * One member of a consumer. It waits until no other member is active, since two would share out the messages of one key.
 * The server counts deliveries and times them; it never gives up on a message, because it would do so without a reason.
 */
export class Member {
  readonly #deps: MemberDeps;
  readonly #spec: Required<ConsumerSpec>;
  readonly #handle: HandleDelivery;
  readonly #logger: Logger;
  /** The newest delivery of each place that is not settled. */
  readonly #open = new Map<bigint, number>();

  constructor(deps: MemberDeps, spec: Required<ConsumerSpec>, handle: HandleDelivery) {
    this.#deps = deps;
    this.#spec = spec;
    this.#handle = handle;
    this.#logger = withFields(deps.logger, { stream: spec.stream, consumer: spec.name });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { stream, name } = this.#spec;
    while (!signal.aborted) {
      const lease = await this.#deps.roles.acquire(`eventbus ${stream} ${name}`, signal);
      if (!lease) return;
      await this.#hold(lease, signal).finally(() => lease.release());
    }
  }

  async #hold(lease: RoleLease, signal: AbortSignal): Promise<void> {
    const { nats, clock } = this.#deps;
    const { ackWaitMs } = this.#spec;
    this.#open.clear();
    const handOver = new HandOver({ handle: this.#handle, clock, logger: this.#logger, ackWaitMs });
    const puller = new Puller(nats, this.#spec, (message) => this.#take(message, handOver));
    await aborted(AbortSignal.any([signal, lease.signal]));
    await puller.end();
    await handOver.end();
  }

  #take(message: Msg, handOver: HandOver): void {
    const delivered = readDelivered(message);
    const { again, count, place } = delivered;
    if (again && again.consumer !== this.#spec.name) {
      this.#unheard(settle(this.#deps.nats, message, '+ACK'));
      return;
    }
    this.#open.set(place, count);
    if (count > this.#spec.maxDeliver) {
      const dead = { ...delivered, count: count - 1 };
      this.#unheard(this.#bury(message, dead, 'it was not acknowledged in time'));
      return;
    }
    const delivery = this.#delivery(message, delivered);
    handOver.take(delivery, () => this.#settle(message, delivered, '-NAK'));
  }

  #delivery(message: Msg, delivered: Delivered): BusDelivery {
    const { count, place } = delivered;
    const ifCurrent = (act: () => Promise<void>) => async () => {
      if (this.#open.get(place) === count) await act();
    };
    return {
      ...delivered.message,
      deliveryCount: count,
      ack: () => this.#settle(message, delivered, '+ACK'),
      nak: async ({ delayMs = 0, reason = 'it was not handled' } = {}) =>
        ifCurrent(() =>
          count >= this.#spec.maxDeliver
            ? this.#bury(message, delivered, reason)
            : this.#settle(message, delivered, delayMs > 0 ? `-NAK {"delay":${nanos(delayMs)}}` : '-NAK'),
        )(),
      inProgress: ifCurrent(() => settle(this.#deps.nats, message, '+WPI')),
      term: async (reason) => ifCurrent(() => this.#bury(message, delivered, reason))(),
    };
  }

  /** Kept first, ended then: what dies in between is delivered once more, and kept again. */
  async #bury(message: Msg, delivered: Delivered, reason: string): Promise<void> {
    const { nats } = this.#deps;
    const dead = { message: delivered.message, deliveryCount: delivered.count, reason };
    await bury(nats, this.#spec, dead).catch((error: unknown) => {
      throw translate(error, `keeping a dead letter of ${this.#spec.name}`);
    });
    await this.#settle(message, delivered, '+TERM');
  }

  async #settle(message: Msg, { place }: Delivered, how: string): Promise<void> {
    await settle(this.#deps.nats, message, how);
    this.#open.delete(place);
  }

  /** What cannot be told comes again when its time is over. */
  #unheard(settling: Promise<void>): void {
    settling.catch((error: unknown) => {
      this.#logger.warn('a message could not be settled; it comes again when its time is over', { error });
    });
  }
}

/** Resolves once the server has it. */
async function settle({ connection }: Nats, message: Msg, how: string): Promise<void> {
  try {
    await connection.request(message.reply ?? '', how, { timeout: SETTLE_TIMEOUT_MS });
  } catch (error) {
    throw translate(error, `settling a message of ${message.subject}`);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
