import { Gathering } from '../gathering.ts';
import { HandOver } from '../hand-over.ts';
import type { Clock } from '../ports/clock.ts';
import type {
  DeliveryLedger,
  LedgerConsumer,
  LedgerDelivery,
  LedgerOffer,
} from '../ports/delivery-ledger.ts';
import type { BusDelivery, HandleDelivery } from '../ports/event-bus.ts';
import { type Logger, withFields } from '../ports/logger.ts';
import type { LogChunk, LoggedMessage, MessageLog } from '../ports/message-log.ts';
import type { RoleLease, RoleScheduler } from '../ports/role-scheduler.ts';
import { WakeLatch } from '../ports/wakeups.ts';
import { subjectMatches } from '../subjects.ts';

export interface LogMemberDeps {
  readonly log: MessageLog;
  readonly ledger: DeliveryLedger;
  readonly roles: RoleScheduler;
  readonly clock: Clock;
  readonly logger: Logger;
}

const DUE = 500;
const ACKS = 1_000;
/** What another process has redriven is found by looking. */
const LOOK_MS = 500;
const FAILURE_PAUSE_MS = { min: 100, max: 5_000 };

/** A term of one member, in which it alone takes the consumer's messages. */
interface Hold {
  readonly term: bigint;
  readonly handOver: HandOver;
  /** Aborts when the member is to end, and when a later one holds the consumer. */
  readonly signal: AbortSignal;
  readonly lost: () => void;
}

/** One member of a consumer: it waits for its turn, then brings messages from the log over the ledger to their handler. */
export class LogMember {
  readonly #deps: LogMemberDeps;
  readonly #consumer: LedgerConsumer;
  readonly #handle: HandleDelivery;
  readonly #logger: Logger;
  readonly #acks: Gathering<bigint, void>;
  readonly #room: WakeLatch;
  readonly #due: WakeLatch;

  constructor(deps: LogMemberDeps, consumer: LedgerConsumer, handle: HandleDelivery) {
    this.#deps = deps;
    this.#consumer = consumer;
    this.#handle = handle;
    this.#logger = withFields(deps.logger, { stream: consumer.stream, consumer: consumer.name });
    this.#room = new WakeLatch(deps.clock);
    this.#due = new WakeLatch(deps.clock);
    this.#acks = new Gathering<bigint, void>(ACKS, async (sequences) => {
      await deps.ledger.ack(consumer, sequences);
      return [];
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const { log, roles } = this.#deps;
    const { stream, name } = this.#consumer;
    while (!signal.aborted) {
      const lease = await roles.acquire(`eventbus ${log.provider} ${stream} ${name}`, signal);
      if (!lease) return;
      await this.#hold(lease, signal).finally(() => lease.release());
    }
  }

  async #hold(lease: RoleLease, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const { ackWaitMs } = this.#consumer;
    const lost = new AbortController();
    const handOver = new HandOver({ handle: this.#handle, clock, logger: this.#logger, ackWaitMs });
    const hold: Hold = {
      term: lease.term,
      handOver,
      signal: AbortSignal.any([signal, lease.signal, lost.signal]),
      lost: () => lost.abort(),
    };
    await this.#insist(hold, async () => {
      if (!(await this.#deps.ledger.hold(this.#consumer, hold.term))) hold.lost();
      // What a member before this one gave back stands before all that was not taken yet.
      else while (!hold.signal.aborted && (await this.#takeDue(hold)) === 0);
    });
    await Promise.all([this.#insist(hold, () => this.#bringNew(hold)), this.#bringAgain(hold)]);
    await handOver.end();
  }

  /** Until it has been done once, or the term is over. */
  async #insist({ signal }: Hold, work: () => Promise<void>): Promise<void> {
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        await work();
        return;
      } catch (error) {
        this.#logger.warn('messages cannot be taken at the moment', { error });
        const pauseMs = Math.min(FAILURE_PAUSE_MS.min * 2 ** failures, FAILURE_PAUSE_MS.max);
        await this.#deps.clock.sleep(pauseMs, signal);
      }
    }
  }

  async #bringNew(hold: Hold): Promise<void> {
    const { ledger, log } = this.#deps;
    const reader = await log.read(this.#consumer.stream, await ledger.places(this.#consumer));
    try {
      while (!hold.signal.aborted) {
        for (const chunk of await reader.next(hold.signal)) await this.#takeChunk(hold, chunk);
      }
    } finally {
      await reader.close();
    }
  }

  async #takeChunk(hold: Hold, { part, messages }: LogChunk): Promise<void> {
    let offer = offerOf(part, messages, this.#consumer.filterSubject);
    while (!hold.signal.aborted) {
      const { isHeld, count } = await this.#deps.ledger.take(this.#consumer, hold.term, offer);
      if (!isHeld) return hold.lost();
      for (const message of offer.messages.slice(0, count))
        this.#handOver(hold, { ...message, deliveryCount: 1 });
      if (count === offer.messages.length) return;
      offer = { part, messages: offer.messages.slice(count), places: offer.places.slice(count) };
      await this.#room.sleep(LOOK_MS, hold.signal);
    }
  }

  async #bringAgain(hold: Hold): Promise<void> {
    while (!hold.signal.aborted) {
      let restMs = LOOK_MS;
      await this.#insist(hold, async () => {
        restMs = await this.#takeDue(hold);
      });
      await this.#due.sleep(restMs, hold.signal);
    }
  }

  /** @returns how long there is nothing to do; 0 when there may be more */
  async #takeDue(hold: Hold): Promise<number> {
    const { messages, dueInMs } = await this.#deps.ledger.due(this.#consumer, hold.term, DUE);
    for (const message of messages) this.#handOver(hold, message);
    if (messages.length === DUE) return 0;
    return Math.min(LOOK_MS, Math.max(1, Math.ceil(dueInMs ?? LOOK_MS)));
  }

  #handOver({ handOver }: Hold, message: LedgerDelivery): void {
    const { ledger } = this.#deps;
    const { sequence, deliveryCount } = message;
    const ref = { consumer: this.#consumer, sequence, deliveryCount };
    const makingRoom = async (settling: Promise<void>) => {
      await settling;
      this.#room.tell();
    };
    const delivery: BusDelivery = {
      ...message,
      ack: () => makingRoom(this.#acks.add(sequence)),
      nak: async ({ delayMs = 0, reason = 'it was not handled' } = {}) => {
        await ledger.postpone(ref, { delayMs, reason });
        // It may be due before anything else is, or dead.
        this.#due.tell();
        this.#room.tell();
      },
      inProgress: () => ledger.extend(ref),
      term: (reason) => makingRoom(ledger.bury(ref, reason)),
    };
    handOver.take(delivery, () => ledger.undo(ref));
  }
}

function offerOf(part: string, all: readonly LoggedMessage[], filter: string): LedgerOffer {
  const messages: LoggedMessage[] = [];
  const places: bigint[] = [];
  let passed = (all[0]?.place ?? 0n) - 1n;
  for (const message of all) {
    if (subjectMatches(filter, message.subject)) {
      places.push(passed);
      messages.push(message);
    }
    passed = message.place;
  }
  return { part, messages, places: [...places, passed] };
}
