import type {
  NewTimeout,
  Timeout,
  TimeoutPage,
  TimeoutRef,
  TimeoutState,
  TimeoutStore,
} from '../../engine/ports/timeout-store.ts';
import { openRedis, type Redis, type RedisOptions } from './connection.ts';
import * as scripts from './scripts.ts';

export interface RedisTimeoutsOptions extends RedisOptions {
  /** Of every key; `millrace:timeouts` unless given. */
  readonly prefix?: string;
}

/** Timeouts in Redis 6.2 or newer, which must be set to keep what it is told (`appendonly yes`, no eviction). */
export async function openRedisTimeoutStore({
  prefix = 'millrace:timeouts',
  ...options
}: RedisTimeoutsOptions): Promise<RedisTimeoutStore> {
  return new RedisTimeoutStore(await openRedis(options), prefix);
}

export class RedisTimeoutStore implements TimeoutStore, AsyncDisposable {
  readonly #redis: Redis;
  readonly #prefix: string;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  async create({ workflow, id, foreignId, runId, status, expiresAt }: NewTimeout): Promise<boolean> {
    const at = String(expiresAt.getTime());
    // As text: a number in a script has fourteen digits.
    const given = JSON.stringify({ foreignId, runId, status, expiresAt: at });
    return (await this.#run(scripts.createScript, workflow, [id, at, given])) === 1;
  }

  async get({ workflow, id }: TimeoutRef): Promise<Timeout | undefined> {
    const [timeout] = toTimeouts(workflow, await this.#run(scripts.getScript, workflow, [id]));
    return timeout;
  }

  async due(workflow: string, limit: number): Promise<readonly Timeout[]> {
    return toTimeouts(workflow, await this.#run(scripts.dueScript, workflow, [String(limit)]));
  }

  async complete({ workflow, id }: TimeoutRef): Promise<boolean> {
    return (await this.#run(scripts.endScript, workflow, [id, 'completed'])) === 1;
  }

  async cancel({ workflow, id }: TimeoutRef): Promise<boolean> {
    return (await this.#run(scripts.endScript, workflow, [id, 'cancelled'])) === 1;
  }

  async postpone({ workflow, id }: TimeoutRef, milliseconds: number): Promise<boolean> {
    return (await this.#run(scripts.postponeScript, workflow, [id, String(milliseconds)])) === 1;
  }

  async list(workflow: string, { state, after, limit }: TimeoutPage): Promise<readonly Timeout[]> {
    const values = [state ?? 'all', after === undefined ? '-' : `(${after}`, String(limit)];
    return toTimeouts(workflow, await this.#run(scripts.listScript, workflow, values));
  }

  async nextDueMs(workflow: string): Promise<number | undefined> {
    const text = String(await this.#run(scripts.nextScript, workflow, []));
    return text === '' ? undefined : Number(text);
  }

  async purge(
    workflow: string,
    { olderThanMs, limit }: { readonly olderThanMs: number; readonly limit: number },
  ): Promise<number> {
    const values = [String(olderThanMs), String(limit)];
    return Number(await this.#run(scripts.purgeScript, workflow, values));
  }

  /** Safe to call twice. */
  async close(): Promise<void> {
    await this.#redis.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #run(script: string, workflow: string, values: readonly string[]): Promise<unknown> {
    return this.#redis.run(script, scripts.timeoutKeys(this.#prefix, workflow), values);
  }
}

/** As `createScript` and those after it write it. */
interface StoredTimeout {
  readonly foreignId: string;
  readonly runId: string;
  readonly status: string;
  readonly state: TimeoutState;
  readonly expiresAt: string;
  readonly createdAt: number;
  readonly endedAt?: number;
}

/** Ids and what is stored of them, by turns. */
function toTimeouts(workflow: string, reply: unknown): Timeout[] {
  const parts = Array.isArray(reply) ? reply.map(String) : [];
  return parts.flatMap((id, index) => {
    const text = parts[index + 1];
    if (index % 2 === 1 || text === undefined) return [];
    const { expiresAt, createdAt, endedAt, ...stored } = JSON.parse(text) as StoredTimeout;
    return [
      {
        ...{ workflow, id, ...stored },
        expiresAt: new Date(Number(expiresAt)),
        createdAt: new Date(createdAt),
        endedAt: endedAt === undefined ? null : new Date(endedAt),
      },
    ];
  });
}
