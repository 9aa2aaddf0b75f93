import { createClient } from '@redis/client';
import { MillraceError } from '../../engine/errors.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import { redact, translate } from './errors.ts';

export interface RedisOptions {
  /** `redis://user:password@host:6379/0`, or `rediss://…` for TLS. */
  readonly url: string;
  /** PEM text of the authority to trust instead of the usual ones. */
  readonly ca?: string;
  readonly logger: Logger;
}

/** The part of a connection that is used: what a script gave back is narrowed where it is read. */
export interface Redis {
  readonly where: string;
  run(script: string, keys: readonly string[], values: readonly string[]): Promise<unknown>;
  close(): Promise<void>;
}

const SILENCE_MS = 10_000;

/**
 * One connection for everything, made anew for as long as it takes once it was there. A call made meanwhile is refused and not
 * kept: its caller would not know when it is done, nor whether.
 */
export async function openRedis({ url, ca, logger }: RedisOptions): Promise<Redis> {
  const where = redact(url);
  if (!URL.canParse(url)) {
    throw new MillraceError('configuration', `"${where}" for Redis; give redis://user:password@host:6379/0.`);
  }
  let isOpen = false;
  const client = createClient({
    url,
    name: 'millrace',
    disableOfflineQueue: true,
    // What is away without having closed is noticed within seconds.
    pingInterval: SILENCE_MS / 3,
    maintNotifications: 'disabled',
    socket: {
      ...(ca !== undefined && { tls: true, ca }),
      connectTimeout: 5_000,
      socketTimeout: SILENCE_MS,
      reconnectStrategy: (retries, cause) => (isOpen ? Math.min(50 * 2 ** retries, 2_000) : cause),
    },
  });
  client.on('error', (error: unknown) => {
    if (isOpen) logger.warn('the connection to Redis was lost; it is made anew', { redis: where, error });
  });
  try {
    await client.connect();
    checkThatItKeeps(await client.info(), where);
  } catch (error) {
    if (client.isOpen) client.destroy();
    throw translate(error, where);
  }
  isOpen = true;
  return {
    where,
    run: async (script, keys, values) => {
      try {
        return await client.eval(script, { keys: [...keys], arguments: [...values] });
      } catch (error) {
        throw translate(error, where);
      }
    },
    close: async () => {
      if (client.isOpen) await client.close().catch(() => client.destroy());
    },
  };
}

/** A server that keeps all in memory alone, or forgets keys when it is full, loses timeouts without a word. */
function checkThatItKeeps(info: string, where: string): void {
  const settings = new Map(info.split(/\r?\n/).map((line) => line.split(':', 2) as [string, string]));
  if (settings.get('aof_enabled') === '0') {
    throw new MillraceError(
      'configuration',
      `Redis at ${where} writes no log of what it is told: a restart would lose timeouts. Set appendonly yes.`,
    );
  }
  const policy = settings.get('maxmemory_policy') ?? 'noeviction';
  if (policy !== 'noeviction') {
    throw new MillraceError(
      'configuration',
      `Redis at ${where} forgets keys when its memory is full (maxmemory-policy ${policy}). Set maxmemory-policy noeviction.`,
    );
  }
}
