import type { Clock } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { RoleLease, RoleScheduler } from '../../engine/ports/role-scheduler.ts';
import { RenewedHold } from '../renewed-hold.ts';
import { waitForRole } from '../wait-for-role.ts';
import type { Nats } from './connection.ts';
import { isMissing, isWrongLastSequence } from './errors.ts';
import { ROLES_STREAM } from './own-streams.ts';

export interface NatsRolesOptions {
  readonly nats: () => Promise<Nats>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often one that waits tries; 1 second unless given. */
  readonly intervalMs?: number;
}

/**
 * A role is the last message of a subject, which the stream deletes when it is not renewed in time. Writing it expects that
 * there is none, renewing that it is still one's own; its place in the stream is the term.
 */
export class NatsRoleScheduler implements RoleScheduler {
  readonly #options: NatsRolesOptions;

  constructor(options: NatsRolesOptions) {
    this.#options = options;
  }

  acquire(role: string, signal: AbortSignal): Promise<RoleLease | undefined> {
    const { clock, logger, intervalMs = 1_000 } = this.#options;
    return waitForRole(signal, {
      clock,
      intervalMs,
      take: () => this.#try(role),
      unanswered: (error) =>
        logger.warn('NATS does not say who holds a role; it is asked again', { role, error }),
    });
  }

  async #try(role: string): Promise<RenewedHold | undefined> {
    const { client, manager } = await this.#options.nats();
    const { config } = await manager.streams.info(ROLES_STREAM);
    const subject = `${ROLES_STREAM}.${Buffer.from(role).toString('base64url')}`;
    const askedAt = performance.now();
    const write = (lastSubjectSequence: number, timeout?: number) =>
      client.publish(subject, role, {
        expect: { lastSubjectSequence },
        retries: 0,
        ...(timeout !== undefined && { timeout }),
      });
    const taken = await write(0).catch(unlessTaken);
    if (!taken) return undefined;
    let { seq } = taken;
    return new RenewedHold({
      term: BigInt(seq),
      forMs: config.max_age / 1_000_000,
      askedAt,
      renew: async (leftMs) => {
        const renewed = await write(seq, Math.max(leftMs / 2, 50)).catch(unlessTaken);
        if (renewed) seq = renewed.seq;
        return renewed !== undefined;
      },
      giveUp: async () => {
        await manager.streams.deleteMessage(ROLES_STREAM, seq);
      },
    });
  }
}

function unlessTaken(error: unknown): undefined {
  if (!isWrongLastSequence(error) && !isMissing(error)) throw error;
}
