import { reasonOf } from './failures.ts';
import type { ReplicationConnection } from './replication-connection.ts';

export interface Readiness {
  readonly ready: boolean;
  readonly role: 'leader' | 'standby' | 'none';
  readonly reason: string;
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
