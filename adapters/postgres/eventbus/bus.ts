import type { Pool } from 'pg';
import {
  checkConsumer,
  checkMessages,
  checkStream,
  MAX_MESSAGE_BYTES,
  noSuchConsumer,
  noSuchStream,
  streamOf,
} from '../../../engine/bus-rules.ts';
import { isMillraceError, MillraceError } from '../../../engine/errors.ts';
import { Gathering } from '../../../engine/gathering.ts';
import type { Clock } from '../../../engine/ports/clock.ts';
import type {
  BusMessage,
  ConsumerRef,
  ConsumerSpec,
  DeadMessage,
  EventBus,
  HandleDelivery,
  StreamSpec,
} from '../../../engine/ports/event-bus.ts';
import { type Logger, silentLogger } from '../../../engine/ports/logger.ts';
import type { RoleScheduler } from '../../../engine/ports/role-scheduler.ts';
import type { Wakeups } from '../../../engine/ports/wakeups.ts';
import type { Database } from '../sql/database.ts';
import {
  type ConsumerState,
  lockStreams,
  selectConsumer,
  selectStreams,
  upsertConsumer,
  upsertStream,
} from '../sql/eventbus-catalog.ts';
import { deleteExpired, insertEvents, type NewEvent } from '../sql/eventbus-events.ts';
import { countBacklog, reviveDead, selectDead } from '../sql/eventbus-settle.ts';
import { statementsOf } from '../statements.ts';
import { inTransaction } from '../transaction.ts';
import { translating } from '../translating.ts';
import { Member } from './member.ts';
import { WakeHub } from './wake-hub.ts';

export interface PgChannelOptions {
  readonly pool: Pool;
  /** Whether statements that run all the time are prepared by name; they are unless told otherwise. */
  readonly prepare?: boolean | undefined;
  /** By advisory locks, on a connection a subscription. */
  readonly roles: RoleScheduler;
  readonly wakeups: Wakeups;
  readonly clock: Clock;
  readonly logger?: Logger;
  readonly maxMessageBytes?: number;
  /** How long a member that hears nothing waits before it looks; 1 s unless given. */
  readonly pollMs?: number;
  /** Between two deletions of what is too old; 1 minute unless given. */
  readonly expireMs?: number;
}

const MAX_CALLS_IN_A_STATEMENT = 500;
const EXPIRE_BATCH = 1_000;

/** The event bus in PostgreSQL alone: tables, LISTEN and NOTIFY, and advisory locks (migration 0028). */
export class PgChannelBus implements EventBus {
  readonly #options: PgChannelOptions;
  readonly #statements: Database;
  /** The same, whose failures say what they mean. */
  readonly #db: Database;
  readonly #logger: Logger;
  readonly #hub: WakeHub;
  readonly #publishing: Gathering<readonly NewEvent[], readonly bigint[]>;
  readonly #ended = new AbortController();
  readonly #expiring: Promise<void>;
  #streams: readonly StreamSpec[] = [];

  constructor(options: PgChannelOptions) {
    this.#options = options;
    const { pool, prepare = true, wakeups, clock, logger = silentLogger } = options;
    this.#statements = statementsOf(pool, prepare);
    this.#db = translating(this.#statements);
    this.#logger = logger;
    this.#hub = new WakeHub({ db: this.#statements, wakeups, clock, logger });
    this.#publishing = new Gathering(MAX_CALLS_IN_A_STATEMENT, (calls) => this.#insert(calls));
    this.#expiring = this.#expire();
  }

  async ensureStream(spec: StreamSpec): Promise<void> {
    await inTransaction({ pool: this.#options.pool }, async (db) => {
      await lockStreams(db);
      checkStream(spec, await selectStreams(db));
      await upsertStream(db, spec);
      return { commit: true, value: undefined };
    });
  }

  async ensureConsumer(spec: ConsumerSpec): Promise<void> {
    const full = checkConsumer(spec);
    if (!(await upsertConsumer(this.#db, full))) throw noSuchStream(spec.stream);
  }

  async publish(messages: readonly BusMessage[]): Promise<readonly bigint[]> {
    checkMessages(messages, this.#options.maxMessageBytes ?? MAX_MESSAGE_BYTES);
    if (messages.length === 0) return [];
    const events = await this.#toEvents(messages);
    const sequences = await this.#publishing.add(events);
    this.#hub.tell();
    return sequences;
  }

  async subscribe(consumer: ConsumerRef, handle: HandleDelivery, signal: AbortSignal): Promise<void> {
    const { roles, clock, pollMs = 1_000 } = this.#options;
    const { ackWaitMs } = await this.#consumer(consumer);
    const deps = { db: this.#statements, roles, hub: this.#hub, clock, logger: this.#logger, pollMs };
    await new Member(deps, { consumer, ackWaitMs, handle }).run(signal);
  }

  deadLetters(consumer: ConsumerRef, { limit }: { readonly limit: number }): Promise<readonly DeadMessage[]> {
    return selectDead(this.#db, consumer, limit);
  }

  async redrive(consumer: ConsumerRef, sequences: readonly bigint[]): Promise<number> {
    const count = await reviveDead(this.#db, consumer, sequences);
    this.#hub.tell();
    return count;
  }

  async backlog(consumer: ConsumerRef): Promise<number> {
    await this.#consumer(consumer);
    return countBacklog(this.#db, consumer);
  }

  /** Leaves the pool open: it was given. */
  async close(): Promise<void> {
    this.#ended.abort();
    await Promise.all([this.#expiring, this.#hub.close()]);
  }

  async #consumer(ref: ConsumerRef): Promise<ConsumerState> {
    const found = await selectConsumer(this.#db, ref);
    if (!found) throw noSuchConsumer(ref);
    if (found.isForeign) throw restoredElsewhere(ref);
    return found;
  }

  async #toEvents(messages: readonly BusMessage[]): Promise<NewEvent[]> {
    try {
      return messages.map((message) => this.#toEvent(message));
    } catch (error) {
      if (!isMillraceError(error) || error.code !== 'stream_missing') throw error;
      // It may have been declared since we looked, by another process.
      this.#streams = await selectStreams(this.#db);
      return messages.map((message) => this.#toEvent(message));
    }
  }

  #toEvent({ subject, key = '', headers = {}, payload }: BusMessage): NewEvent {
    const stream = streamOf(this.#streams, subject).name;
    return { stream, subject, key, headers: JSON.stringify(headers), payload };
  }

  async #insert(calls: readonly (readonly NewEvent[])[]): Promise<(readonly bigint[])[]> {
    const ids = await insertEvents(this.#db, calls.flat());
    let at = 0;
    return calls.map(({ length }) => {
      at += length;
      return ids.slice(at - length, at);
    });
  }

  /** Deletes what is too old, now and then. Never rejects. */
  async #expire(): Promise<void> {
    const { clock, expireMs = 60_000 } = this.#options;
    const { signal } = this.#ended;
    while (!signal.aborted) {
      await clock.sleep(expireMs, signal);
      try {
        while (!signal.aborted && (await deleteExpired(this.#statements, EXPIRE_BATCH)) >= EXPIRE_BATCH);
      } catch (error) {
        this.#logger.warn('messages that are too old could not be deleted; it is tried again', { error });
      }
    }
  }
}

function restoredElsewhere({ stream, name }: ConsumerRef): MillraceError {
  return new MillraceError(
    'configuration',
    `The stream ${stream} has transaction ids that this PostgreSQL has not given out yet: it was restored from another one. ` +
      `${name} would pass messages over. Stop what publishes and consumes, and run: select eventbus_after_restore()`,
  );
}
