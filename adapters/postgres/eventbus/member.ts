import { Gathering } from '../../../engine/gathering.ts';
import { HandOver } from '../../../engine/hand-over.ts';
import type { Clock } from '../../../engine/ports/clock.ts';
import type { BusDelivery, ConsumerRef, HandleDelivery } from '../../../engine/ports/event-bus.ts';
import { type Logger, withFields } from '../../../engine/ports/logger.ts';
import type { RoleLease, RoleScheduler } from '../../../engine/ports/role-scheduler.ts';
import type { Database } from '../sql/database.ts';
import { takeConsumer } from '../sql/eventbus-catalog.ts';
import { type Delivered, takeDue, takeNew } from '../sql/eventbus-deliver.ts';
import {
  buryDelivery,
  deleteDeliveries,
  extendDelivery,
  postponeDelivery,
  undoDelivery,
} from '../sql/eventbus-settle.ts';
import type { HubSleeper, WakeHub } from './wake-hub.ts';

export interface MemberDeps {
  readonly db: Database;
  readonly roles: RoleScheduler;
  readonly hub: WakeHub;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a member sleeps that hears nothing. */
  readonly pollMs: number;
}

export interface MemberOptions {
  readonly consumer: ConsumerRef;
  readonly ackWaitMs: number;
  readonly handle: HandleDelivery;
}

const SCAN = 1_000;
const DUE = 500;
const FAILURE_PAUSE_MS = { min: 100, max: 5_000 };
/** An open transaction mostly ends within a commit; one that does not is not asked after a thousand times a second. */
const GATE_PAUSE_MS = { min: 1, max: 100 };

/** One member of a consumer. It waits for the consumer's advisory lock, then takes and hands over until it loses it. */
export class Member {
  readonly #deps: MemberDeps;
  readonly #options: MemberOptions;
  readonly #logger: Logger;
  readonly #acks: Gathering<bigint, void>;
  #gatePauseMs = GATE_PAUSE_MS.min;
  /** Whether messages wait for others to be settled. */
  #isFull = false;
  #settlements = 0;

  constructor(deps: MemberDeps, options: MemberOptions) {
    this.#deps = deps;
    this.#options = options;
    const { consumer } = options;
    this.#logger = withFields(deps.logger, { stream: consumer.stream, consumer: consumer.name });
    this.#acks = new Gathering<bigint, void>(1_000, async (sequences) => {
      await deleteDeliveries(deps.db, consumer, sequences);
      return [];
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { stream, name } = this.#options.consumer;
    while (!signal.aborted) {
      const lease = await this.#deps.roles.acquire(`eventbus ${stream} ${name}`, signal);
      if (!lease) return;
      await this.#hold(lease, signal).finally(() => lease.release());
    }
  }

  async #hold(lease: RoleLease, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#deps;
    const { handle, ackWaitMs } = this.#options;
    const either = AbortSignal.any([signal, lease.signal]);
    const handOver = new HandOver({
      handle,
      clock,
      logger: withFields(logger, { ...this.#options.consumer }),
      ackWaitMs,
    });
    using sleeper = this.#deps.hub.sleeper();
    let failures = 0;
    let isTaken = false;
    while (!either.aborted) {
      try {
        isTaken ||= await takeConsumer(this.#deps.db, this.#options.consumer, lease.term);
        const restMs = isTaken
          ? await this.#takeAll(lease.term, (message) => this.#handOver(message, handOver, sleeper), either)
          : undefined;
        failures = 0;
        if (restMs === undefined) break;
        await sleeper.sleep(restMs, either);
      } catch (error) {
        this.#logger.warn('messages cannot be taken at the moment', { error });
        const pauseMs = Math.min(FAILURE_PAUSE_MS.min * 2 ** failures, FAILURE_PAUSE_MS.max);
        failures += 1;
        await clock.sleep(pauseMs, either);
      }
    }
    await handOver.end();
  }

  /** @returns how long there is nothing to do unless something is published or settled; undefined when a later member holds it */
  async #takeAll(
    term: bigint,
    handOver: (message: Delivered) => void,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const { db, pollMs } = this.#deps;
    const { consumer } = this.#options;
    for (;;) {
      const settledBefore = this.#settlements;
      const taken = await takeNew(db, consumer, { term, scan: SCAN });
      if (!taken.isHeld) return undefined;
      for (const message of taken.messages) handOver(message);
      this.#isFull = taken.isFull;
      const due = taken.dueInMs === 0 ? await takeDue(db, consumer, { term, limit: DUE }) : [];
      for (const message of due) handOver(message);
      // What was settled while the statement ran has made room of which nobody was told.
      const hasRoom = !taken.isFull || this.#settlements !== settledBefore;
      const hasMore = (hasRoom && (taken.isFull || taken.scanned === SCAN)) || due.length === DUE;
      if (hasMore && !signal.aborted) continue;
      return this.#restMs(taken, pollMs);
    }
  }

  #restMs({ isGated, dueInMs }: { isGated: boolean; dueInMs: number | null }, pollMs: number): number {
    this.#gatePauseMs = isGated ? Math.min(this.#gatePauseMs * 2, GATE_PAUSE_MS.max) : GATE_PAUSE_MS.min;
    return Math.min(pollMs, isGated ? this.#gatePauseMs : pollMs, Math.ceil(dueInMs ?? pollMs));
  }

  #handOver(message: Delivered, handOver: HandOver, sleeper: HubSleeper): void {
    const { consumer } = this.#options;
    const { db } = this.#deps;
    const ref = { consumer, sequence: message.sequence, deliveryCount: message.deliveryCount };
    const makingRoom = async (settling: Promise<void>) => {
      await settling;
      this.#settlements += 1;
      if (this.#isFull) sleeper.tell();
    };
    const delivery: BusDelivery = {
      ...message,
      ack: () => makingRoom(this.#acks.add(message.sequence)),
      nak: async ({ delayMs = 0, reason = 'it was not handled' } = {}) => {
        await postponeDelivery(db, ref, { delayMs, reason });
        // It may be due before anything else is.
        sleeper.tell();
      },
      inProgress: () => extendDelivery(db, ref),
      term: (reason) => makingRoom(buryDelivery(db, ref, reason)),
    };
    handOver.take(delivery, () => undoDelivery(db, ref));
  }
}
