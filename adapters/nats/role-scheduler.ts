import { setTimeout as after } from 'node:timers/promises';
import type { Clock } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { RoleLease, RoleScheduler } from '../../engine/ports/role-scheduler.ts';
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

  async acquire(role: string, signal: AbortSignal): Promise<RoleLease | undefined> {
    const { clock, logger, intervalMs = 1_000 } = this.#options;
    while (!signal.aborted) {
      try {
        const hold = await this.#try(role);
        if (hold && !signal.aborted) return hold;
        await hold?.release();
      } catch (error) {
        logger.warn('NATS does not say who holds a role; it is asked again', { role, error });
      }
      await clock.sleep(intervalMs, signal);
    }
    return undefined;
  }

  async #try(role: string): Promise<Hold | undefined> {
    const nats = await this.#options.nats();
    const { config } = await nats.manager.streams.info(ROLES_STREAM);
    const subject = `${ROLES_STREAM}.${Buffer.from(role).toString('base64url')}`;
    const askedAt = performance.now();
    try {
      const { seq } = await nats.client.publish(subject, role, {
        expect: { lastSubjectSequence: 0 },
        retries: 0,
      });
      return new Hold(nats, { subject, sequence: seq, askedAt, forMs: config.max_age / 1_000_000 });
    } catch (error) {
      if (isWrongLastSequence(error)) return undefined;
      throw error;
    }
  }
}

interface Held {
  readonly subject: string;
  sequence: number;
  /** When the message was sent that holds it now: the stream counts from a moment later. */
  askedAt: number;
  readonly forMs: number;
}

class Hold implements RoleLease {
  readonly term: bigint;
  readonly #nats: Nats;
  readonly #held: Held;
  readonly #lost = new AbortController();
  readonly #released = new AbortController();
  readonly #renewing: Promise<void>;

  constructor(nats: Nats, held: Held) {
    this.#nats = nats;
    this.#held = held;
    this.term = BigInt(held.sequence);
    this.#renewing = this.#renewAll();
  }

  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  async release(): Promise<void> {
    if (this.#released.signal.aborted) return this.#renewing;
    this.#released.abort();
    await this.#renewing;
    if (this.#lost.signal.aborted) return;
    // What cannot be told ends by itself.
    await this.#nats.manager.streams.deleteMessage(ROLES_STREAM, this.#held.sequence).catch(() => undefined);
  }

  async #renewAll(): Promise<void> {
    const { forMs } = this.#held;
    const ended = this.#released.signal;
    while (!ended.aborted) {
      await after(forMs / 4, undefined, { signal: ended, ref: false }).catch(() => undefined);
      if (ended.aborted) return;
      // Counted here, not asked: it must end also while nobody answers. The rest is for clocks that differ.
      const leftMs = this.#held.askedAt + forMs * 0.8 - performance.now();
      if (leftMs <= 0 || !(await this.#renew(leftMs))) return this.#lost.abort();
    }
  }

  /** @returns false when it is another's; one that failed is tried again while there is time */
  async #renew(leftMs: number): Promise<boolean> {
    const { subject, sequence } = this.#held;
    const askedAt = performance.now();
    try {
      const { seq } = await this.#nats.client.publish(subject, '', {
        expect: { lastSubjectSequence: sequence },
        retries: 0,
        timeout: Math.max(leftMs / 2, 50),
      });
      Object.assign(this.#held, { sequence: seq, askedAt });
      return true;
    } catch (error) {
      return !isWrongLastSequence(error) && !isMissing(error);
    }
  }
}
