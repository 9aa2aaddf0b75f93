import type { Clock } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { RoleLease, RoleScheduler } from '../../engine/ports/role-scheduler.ts';
import { RenewedHold } from '../renewed-hold.ts';
import type { MysqlPool } from './pool.ts';
import { beginTerm, insertRole, prolongTerm, selectRole } from './sql/roles.ts';

export interface MysqlRolesOptions {
  readonly pool: MysqlPool;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a holder that died keeps its role; 10 seconds unless given. */
  readonly ttlMs?: number;
  /** How often one that waits tries; 1 second unless given. */
  readonly intervalMs?: number;
}

/**
 * A role is a row with a term and a time, of the server's clock, until which it is held. Not `get_lock`: its lock is a session's,
 * which a pooler or a proxy gives to somebody else, and it has no term.
 */
export class MysqlRoleScheduler implements RoleScheduler {
  readonly #options: MysqlRolesOptions;

  constructor(options: MysqlRolesOptions) {
    this.#options = options;
  }

  async acquire(role: string, signal: AbortSignal): Promise<RoleLease | undefined> {
    const { clock, logger, intervalMs = 1_000 } = this.#options;
    while (!signal.aborted) {
      try {
        const hold = await this.#try(role);
        if (hold && !signal.aborted) return hold;
        await hold?.release();
      } catch (error) {
        logger.warn('MySQL does not say who holds a role; it is asked again', { role, error });
      }
      await clock.sleep(intervalMs, signal);
    }
    return undefined;
  }

  async #try(role: string): Promise<RenewedHold | undefined> {
    const { pool, ttlMs = 10_000 } = this.#options;
    const found = await selectRole(pool, role);
    if (!found) await insertRole(pool, role);
    if (found?.free === false) return undefined;
    const after = found?.term ?? '0';
    const askedAt = performance.now();
    if (!(await beginTerm(pool, { role, after, ttlMs }))) return undefined;
    const term = BigInt(after) + 1n;
    const prolong = (forMs: number) => prolongTerm(pool, { role, term: String(term), ttlMs: forMs });
    return new RenewedHold({
      term,
      forMs: ttlMs,
      askedAt,
      renew: () => prolong(ttlMs),
      giveUp: async () => {
        await prolong(0);
      },
    });
  }
}
