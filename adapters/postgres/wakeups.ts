import { Client } from 'pg';
import type { Clock } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import { type Sleeper, WakeLatch, type WakeupChannel, type Wakeups } from '../../engine/ports/wakeups.ts';
import { connectionOptions, type PostgresLogin } from './connection.ts';

/** Straight to the server: a pooler in transaction mode loses what is listened to. */
export interface PostgresWakeupsOptions extends PostgresLogin {
  readonly clock: Clock;
  readonly logger: Logger;
}

const RECONNECT_MS = { min: 100, max: 5_000 } as const;

/** Hints by LISTEN and NOTIFY, on a connection of its own a channel. */
export class PostgresWakeups implements Wakeups {
  readonly #options: PostgresWakeupsOptions;

  constructor(options: PostgresWakeupsOptions) {
    this.#options = options;
  }

  listen(channel: WakeupChannel, signal: AbortSignal): Sleeper {
    const latch = new WakeLatch(this.#options.clock);
    void this.#keepListening(channel, latch, signal);
    return latch;
  }

  /** Never rejects: each failure is told, and the next connection tried after a pause. */
  async #keepListening(channel: WakeupChannel, latch: WakeLatch, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    let pauseMs: number = RECONNECT_MS.min;
    while (!signal.aborted) {
      try {
        await this.#listenOnce(channel, signal, {
          onListening: () => {
            pauseMs = RECONNECT_MS.min;
            // What was said while there was no connection is lost, and may have been meant for us.
            latch.tell();
          },
          onHint: () => latch.tell(),
        });
      } catch (error) {
        logger.warn('wake-ups are not heard at the moment; timers go by their tick', { channel, error });
        await clock.sleep(pauseMs, signal);
        pauseMs = Math.min(pauseMs * 2, RECONNECT_MS.max);
      }
    }
  }

  /** Resolves when the signal aborts, and rejects when the connection is lost. */
  async #listenOnce(
    channel: WakeupChannel,
    signal: AbortSignal,
    on: { readonly onListening: () => void; readonly onHint: () => void },
  ): Promise<void> {
    const client = new Client({
      ...connectionOptions(this.#options),
      application_name: 'millrace wakeups',
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
    });
    const lost = Promise.withResolvers<void>();
    // Also before it is waited for, so that a loss during the connecting does not end the process.
    lost.promise.catch(() => undefined);
    client.on('error', lost.reject);
    client.on('end', () => lost.reject(new Error('the connection was closed')));
    client.on('notification', on.onHint);
    signal.addEventListener('abort', () => lost.resolve(), { once: true });
    try {
      await client.connect();
      await client.query(`listen ${client.escapeIdentifier(channel)}`);
      on.onListening();
      await lost.promise;
    } finally {
      client.removeAllListeners('end');
      await client.end().catch(() => undefined);
    }
  }
}
