import { reasonOf } from './failures.ts';
import type { ReplicationConnection } from './replication-connection.ts';

export interface Readiness {
  readonly ready: boolean;
  readonly role: 'leader' | 'standby' | 'none';
  readonly reason: string;
}

/** Of all shards of a process: ready when each is; leader when it leads any. */
export function joinReadiness(shards: readonly Readiness[]): Readiness & { shards?: readonly Readiness[] } {
  const [only, ...others] = shards;
  if (only && others.length === 0) return only;
  const worst =
    shards.find(({ ready }) => !ready) ?? shards.find(({ role }) => role === 'leader') ?? shards[0];
  const role = shards.some((shard) => shard.role === 'leader') ? 'leader' : (worst?.role ?? 'none');
  return { ready: shards.every(({ ready }) => ready), role, reason: worst?.reason ?? 'starting', shards };
}

/** What this replica is at the moment, for whoever asks over HTTP. */
export class RelayStatus {
  #role: 'leader' | 'standby' | 'none' = 'none';
  #isStreaming = false;
  #reason = 'starting';
  #connection: ReplicationConnection | undefined;

  standBy(connection: ReplicationConnection): void {
    this.#role = 'standby';
    this.#connection = connection;
    this.#isStreaming = false;
    this.#reason = 'another replica leads';
  }

  lead(): void {
    this.#role = 'leader';
    this.#reason = 'preparing the slot';
  }

  stream(): void {
    this.#isStreaming = true;
    this.#reason = 'streaming';
  }

  fail(error: unknown): void {
    this.#role = 'none';
    this.#isStreaming = false;
    this.#reason = reasonOf(error);
  }

  get(): Readiness {
    const role = this.#role;
    const connected = this.#connection !== undefined && !this.#connection.lost.aborted;
    const ready = role !== 'none' && connected && (role === 'standby' || this.#isStreaming);
    return {
      ready,
      role,
      reason: connected || role === 'none' ? this.#reason : 'the database connection is lost',
    };
  }
}
