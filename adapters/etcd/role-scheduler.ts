import type { Etcd3 } from 'etcd3';
import type { Clock } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { RoleLease, RoleScheduler } from '../../engine/ports/role-scheduler.ts';
import { RenewedHold } from '../renewed-hold.ts';
import { waitForRole } from '../wait-for-role.ts';

export interface EtcdRolesOptions {
  readonly client: Etcd3;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a holder that died keeps its role; 10 seconds unless given. etcd takes whole seconds, two at least. */
  readonly ttlSeconds?: number;
  /** How often one that waits tries; 1 second unless given. */
  readonly intervalMs?: number;
}

const PREFIX = 'millrace/roles/';

/**
 * A role is a key under a lease, made only where there is none. The revision that made it is the term: each is higher than all
 * before it, whoever wrote them. The client's own keep-alive goes on for twice the lease when nobody answers, so it is not used.
 */
export class EtcdRoleScheduler implements RoleScheduler {
  readonly #options: EtcdRolesOptions;

  constructor(options: EtcdRolesOptions) {
    this.#options = options;
  }

  acquire(role: string, signal: AbortSignal): Promise<RoleLease | undefined> {
    const { clock, logger, intervalMs = 1_000 } = this.#options;
    return waitForRole(signal, {
      clock,
      intervalMs,
      take: () => this.#try(role),
      unanswered: (error) =>
        logger.warn('etcd does not say who holds a role; it is asked again', { role, error }),
    });
  }

  async #try(role: string): Promise<RenewedHold | undefined> {
    const { client, ttlSeconds = 10 } = this.#options;
    const key = PREFIX + role;
    // Cheaper than a lease for each look.
    if (await client.get(key).exists()) return undefined;
    const askedAt = performance.now();
    const lease = client.lease(ttlSeconds, { autoKeepAlive: false });
    const id = await lease.grant();
    const { succeeded, header } = await client
      .if(key, 'Create', '==', 0)
      .then(client.put(key).value(role).lease(id))
      .commit();
    if (!succeeded) {
      await lease.revoke();
      return undefined;
    }
    const term = BigInt(header.revision);
    return new RenewedHold({
      term,
      forMs: ttlSeconds * 1_000,
      askedAt,
      renew: async () => {
        const { TTL } = await lease.keepaliveOnce();
        if (Number(TTL) <= 0) return false;
        const { kvs } = await client.get(key).exec();
        return kvs[0]?.create_revision === header.revision;
      },
      giveUp: () => lease.revoke(),
    });
  }
}
