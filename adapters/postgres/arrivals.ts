import { Client } from 'pg';
import { ArrivalBoard } from '../../engine/arrival-board.ts';
import type { Arrivals, ArrivalWait } from '../../engine/ports/arrivals.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { StepId } from '../../events/ids.ts';
import { CHANNEL } from './announcer.ts';
import { connectionOptions, type PostgresLogin } from './connection.ts';
import { redact } from './errors.ts';

/** Of the server itself: a pooler in transaction mode delivers no notifications. */
export interface PostgresArrivalsOptions extends PostgresLogin {
  readonly clock: Clock;
  readonly logger: Logger;
}

const RECONNECT = { baseMs: 100, maxMs: 5_000 } as const;

/** NOTIFY, heard on one connection for all that wait in this process. It is opened when somebody first waits. */
export class PostgresArrivals implements Arrivals {
  readonly #options: PostgresArrivalsOptions;
  readonly #board: ArrivalBoard;
  readonly #closed = new AbortController();
  #listening: Promise<void> | undefined;

  constructor(options: PostgresArrivalsOptions) {
    this.#options = options;
    this.#board = new ArrivalBoard(options.clock);
  }

  get closing(): AbortSignal {
    return this.#closed.signal;
  }

  mark(): number {
    return this.#board.mark();
  }

  after(mark: number, wait: ArrivalWait): Promise<void> {
    if (this.closing.aborted) return Promise.resolve();
    this.#listening ??= this.#listen();
    return this.#board.after(mark, wait);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#listening;
  }

  /** Never rejects: without the connection those who wait look by themselves. */
  async #listen(): Promise<void> {
    const { clock, logger, dsn } = this.#options;
    for (let failures = 0; !this.closing.aborted; ) {
      try {
        await this.#hear(() => {
          failures = 0;
        });
      } catch (error) {
        failures += 1;
        const database = redact(dsn);
        if (failures === 1) logger.warn('news of queued jobs is interrupted', { database, error });
        await clock.sleep(Math.min(RECONNECT.baseMs * 2 ** failures, RECONNECT.maxMs), this.closing);
      }
    }
  }

  /** Hears until the connection is lost (rejects) or all is closed (resolves). */
  async #hear(onListening: () => void): Promise<void> {
    const client = new Client({
      ...connectionOptions(this.#options),
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 5_000,
      application_name: 'millrace arrivals',
    });
    const lost = new Promise<never>((_, reject) => {
      client.on('error', reject);
      client.on('end', () => reject(new Error('the connection was closed')));
    });
    // It may be lost before anybody looks.
    lost.catch(() => undefined);
    client.on('notification', ({ payload }) =>
      this.#board.tell(payload ? (payload.split(',') as StepId[]) : undefined),
    );
    try {
      await client.connect();
      await client.query(`listen ${CHANNEL}`);
      onListening();
      // What was told of before this moment has been missed.
      this.#board.tell();
      await Promise.race([lost, aborted(this.closing)]);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
