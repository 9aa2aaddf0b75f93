import type { Logger } from '../engine/ports/logger.ts';
import type { TimeoutStore } from '../engine/ports/timeout-store.ts';
import { type Environment, readChoice } from './env.ts';

export const timeoutStores = ['postgres', 'redis'] as const;
/** Where timeouts are kept. */
export type TimeoutStoreName = (typeof timeoutStores)[number];

export function readTimeoutStore(env: Environment): TimeoutStoreName {
  return readChoice(env, 'WE_TIMEOUT_STORE', timeoutStores, 'postgres');
}

export interface OpenTimeouts {
  readonly timeouts: TimeoutStore;
  /** Ends its connections. */
  close(): Promise<void>;
}

/** The store of this name. Each is loaded only where it is used. */
export async function openTimeoutStore(
  name: TimeoutStoreName,
  { env, logger }: { readonly env: Environment; readonly logger: Logger },
): Promise<OpenTimeouts> {
  if (name === 'redis') {
    const { readRedisConfig } = await import('./redis/config.ts');
    const { openRedisTimeoutStore } = await import('./redis/timeout-store.ts');
    const timeouts = await openRedisTimeoutStore({ ...readRedisConfig(env), logger });
    return { timeouts, close: () => timeouts.close() };
  }
  const { readPostgresConfig } = await import('./postgres/config.ts');
  const { createPool } = await import('./postgres/pool.ts');
  const { createPostgresTimeoutStore } = await import('./postgres/timeout-store.ts');
  const pool = createPool(readPostgresConfig(env, { poolSize: 4 }), logger);
  return { timeouts: createPostgresTimeoutStore(pool), close: () => pool.end() };
}
