import { createHash } from 'node:crypto';
import { Client } from 'pg';
import type { Clock } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { RoleLease, RoleScheduler } from '../../engine/ports/role-scheduler.ts';
import { connectionOptions, type PostgresLogin } from './connection.ts';
import { redact, translate } from './errors.ts';
import { beginTerm, holdsRole, tryLockRole } from './sql/roles.ts';

/** Of the server itself, not of a pooler: the lock belongs to a session. */
export interface PostgresRolesOptions extends PostgresLogin {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often one that waits tries, and one that holds looks whether it still does; 1 second unless given. */
  readonly intervalMs?: number;
  /** A number from 0 up to 1. */
  readonly random?: () => number;
}

/** One that holds must hear of a lost connection, and the server must drop a holder it cannot reach, within seconds. */
const CHECK_TIMEOUT_MS = 3_000;
const SESSION = 'set tcp_keepalives_idle = 4; set tcp_keepalives_interval = 3; set tcp_keepalives_count = 3';
const MAX_PAUSE_MS = 10_000;

/** Roles as advisory locks, each on a connection of its own, so that the lock ends with whatever ends its holder. */
export class PostgresRoleScheduler implements RoleScheduler {
  readonly #options: PostgresRolesOptions;

  constructor(options: PostgresRolesOptions) {
    this.#options = options;
  }

  async acquire(role: string, signal: AbortSignal): Promise<RoleLease | undefined> {
    const { clock, logger, dsn, intervalMs = 1_000 } = this.#options;
    for (let failures = 0; !signal.aborted; ) {
      const session = new RoleSession(this.#options, role);
      try {
        const lease = await session.waitForRole(signal);
        if (lease) return lease;
      } catch (error) {
        failures += 1;
        if (failures === 1)
          logger.warn('a role cannot be asked for', { role, database: redact(dsn), error: translate(error) });
        await clock.sleep(Math.min(intervalMs * 2 ** failures, MAX_PAUSE_MS), signal);
      }
    }
    return undefined;
  }
}

/** One connection, from the wait for a role to its end. */
class RoleSession {
  readonly #options: PostgresRolesOptions;
  readonly #role: string;
  readonly #client: Client;
  readonly #lost = new AbortController();
  readonly #released = new AbortController();

  constructor(options: PostgresRolesOptions, role: string) {
    this.#options = options;
    this.#role = role;
    this.#client = new Client({
      ...connectionOptions(options),
      connectionTimeoutMillis: 5_000,
      query_timeout: CHECK_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: 4_000,
      application_name: `millrace role ${role}`,
    });
    this.#client.on('error', (error) => this.#lost.abort(error));
    this.#client.on('end', () => this.#lost.abort(new Error('the connection of the role was closed')));
  }

  /** @returns undefined once the signal has aborted; rejects when the database is away */
  async waitForRole(signal: AbortSignal): Promise<RoleLease | undefined> {
    const { clock, intervalMs = 1_000, random = Math.random } = this.#options;
    const key = lockKey(this.#role);
    try {
      await this.#client.connect();
      await this.#client.query(SESSION);
      while (!signal.aborted) {
        if (await tryLockRole(this.#client, key)) return await this.#begin(key);
        // Jitter, so that many do not try at the same moment.
        await clock.sleep(
          intervalMs * (0.75 + 0.25 * random()),
          AbortSignal.any([signal, this.#lost.signal]),
        );
        this.#lost.signal.throwIfAborted();
      }
      await this.#end();
      return undefined;
    } catch (error) {
      await this.#end();
      throw error;
    }
  }

  async #begin(key: bigint): Promise<RoleLease> {
    const { term, pid } = await beginTerm(this.#client, this.#role);
    const watching = this.#watch({ key, pid });
    const release = async () => {
      this.#released.abort();
      await watching;
      await this.#end();
    };
    return { signal: this.#lost.signal, term, release };
  }

  /** Looks whether the role is still held, until it is not or is given up. Never rejects. */
  async #watch(hold: { key: bigint; pid: number }): Promise<void> {
    const { clock, intervalMs = 1_000 } = this.#options;
    const either = AbortSignal.any([this.#released.signal, this.#lost.signal]);
    while (!either.aborted) {
      await clock.sleep(intervalMs, either);
      if (either.aborted) return;
      const held = await holdsRole(this.#client, hold).catch(() => false);
      if (!held) await this.#lose();
    }
  }

  async #lose(): Promise<void> {
    this.#lost.abort(new Error(`the role ${this.#role} is no longer held by this session`));
    await this.#end();
  }

  /** Ends the session, and with it the lock; a connection that does not end in time is cut. */
  async #end(): Promise<void> {
    await this.#client.end().catch((error: unknown) => {
      this.#options.logger.debug('the connection of a role did not end well', { role: this.#role, error });
    });
  }
}

function lockKey(role: string): bigint {
  return createHash('sha256').update(`millrace role ${role}`).digest().readBigInt64BE(0);
}
