import { Buffer } from 'node:buffer';
import type { Clock } from '../../engine/ports/clock.ts';
import type {
  NewTimeout,
  Timeout,
  TimeoutPage,
  TimeoutRef,
  TimeoutState,
  TimeoutStore,
} from '../../engine/ports/timeout-store.ts';

/** Timeouts within this process, which end with it. */
export class MemoryTimeoutStore implements TimeoutStore {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #workflows = new Map<string, Map<string, Timeout>>();

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  async create(timeout: NewTimeout): Promise<boolean> {
    const { workflow, id, foreignId, runId, status, expiresAt } = timeout;
    const stored = this.#of(workflow);
    if (stored.has(id)) return false;
    const given = { workflow, id, foreignId, runId, status, expiresAt: new Date(expiresAt) };
    stored.set(id, { ...given, state: 'pending', createdAt: this.#clock.now(), endedAt: null });
    return true;
  }

  async get({ workflow, id }: TimeoutRef): Promise<Timeout | undefined> {
    return this.#of(workflow).get(id);
  }

  async due(workflow: string, limit: number): Promise<readonly Timeout[]> {
    const now = this.#clock.now();
    return this.#pending(workflow)
      .filter(({ expiresAt }) => expiresAt <= now)
      .slice(0, limit);
  }

  async complete(ref: TimeoutRef): Promise<boolean> {
    return this.#change(ref, { state: 'completed', endedAt: this.#clock.now() });
  }

  async cancel(ref: TimeoutRef): Promise<boolean> {
    return this.#change(ref, { state: 'cancelled', endedAt: this.#clock.now() });
  }

  async postpone(ref: TimeoutRef, milliseconds: number): Promise<boolean> {
    return this.#change(ref, { expiresAt: this.#from(milliseconds) });
  }

  async list(workflow: string, { state, after, limit }: TimeoutPage): Promise<readonly Timeout[]> {
    return [...this.#of(workflow).values()]
      .filter((one) => state === undefined || one.state === state)
      .filter(({ id }) => after === undefined || byBytes(id, after) > 0)
      .sort((a, b) => byBytes(a.id, b.id))
      .slice(0, limit);
  }

  async nextDueMs(workflow: string): Promise<number | undefined> {
    const [first] = this.#pending(workflow);
    return first && Math.max(0, first.expiresAt.getTime() - this.#clock.now().getTime());
  }

  async purge(
    workflow: string,
    { olderThanMs, limit }: { readonly olderThanMs: number; readonly limit: number },
  ): Promise<number> {
    const stored = this.#of(workflow);
    const before = this.#from(-olderThanMs);
    const old = [...stored.values()].filter(({ endedAt }) => endedAt !== null && endedAt <= before);
    const gone = old.slice(0, limit);
    for (const { id } of gone) stored.delete(id);
    return gone.length;
  }

  #of(workflow: string): Map<string, Timeout> {
    const stored = this.#workflows.get(workflow) ?? new Map<string, Timeout>();
    this.#workflows.set(workflow, stored);
    return stored;
  }

  #pending(workflow: string): Timeout[] {
    return [...this.#of(workflow).values()]
      .filter(({ state }) => state === 'pending')
      .sort((a, b) => a.expiresAt.getTime() - b.expiresAt.getTime() || byBytes(a.id, b.id));
  }

  #change(
    { workflow, id }: TimeoutRef,
    change: Partial<{ state: TimeoutState; endedAt: Date; expiresAt: Date }>,
  ): boolean {
    const stored = this.#of(workflow);
    const timeout = stored.get(id);
    if (timeout?.state !== 'pending') return false;
    stored.set(id, { ...timeout, ...change });
    return true;
  }

  #from(milliseconds: number): Date {
    return new Date(this.#clock.now().getTime() + milliseconds);
  }
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
