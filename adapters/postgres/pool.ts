import { setTimeout as delay } from 'node:timers/promises';
import { Pool, types } from 'pg';
import type { Logger } from '../../engine/ports/logger.ts';
import type { PostgresConfig } from './config.ts';
import { connectionOptions } from './connection.ts';
import { redact } from './errors.ts';
import { parseTimestamp } from './timestamps.ts';

const JSON_ARRAY_OID = 199;
const TEXT_ARRAY_OID = 1009;

/** json and jsonb stay text: payloads go through byte for byte, and what we read ourselves we parse where we read it. */
const textTypes: { getTypeParser: typeof types.getTypeParser } = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === types.builtins.JSON || oid === types.builtins.JSONB) return (text: string) => text;
    if (oid === types.builtins.TIMESTAMPTZ && format !== 'binary') return parseTimestamp;
    if (oid === JSON_ARRAY_OID) return types.getTypeParser(TEXT_ARRAY_OID as number);
    return types.getTypeParser(oid, format as 'text');
  },
} as { getTypeParser: typeof types.getTypeParser };

/** Behind a pooler the role has it (`provision-roles.ts`): PgBouncer refuses a connection that brings settings along. */
export const STATEMENT_TIMEOUT_MS = 29_000;

/**
 * A pool that notices a dead server: pg's own defaults wait for ever on a half-open socket and on a lost query.
 */
export function createPool(config: PostgresConfig, logger: Logger): Pool {
  const pool = new Pool({
    ...connectionOptions(config),
    max: config.poolSize,
    connectionTimeoutMillis: 5_000,
    query_timeout: 30_000,
    ...(config.prepare === false ? {} : { statement_timeout: STATEMENT_TIMEOUT_MS }),
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    application_name: 'millrace',
    types: textTypes,
  });
  // One that breaks while somebody has it, between two statements of a transaction: his next statement says so, and without a
  // listener it would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  // An idle connection that breaks is replaced at the next use; without a listener it would end the process too.
  pool.on('error', (error) => {
    logger.warn('an idle database connection was lost', {
      database: redact(config.dsn),
      error: error.message,
    });
  });
  return pool;
}

/** Lets idle connections go that no longer answer: those of a process that was frozen may be gone without a word. */
export async function dropSilent(pool: Pool, withinMs: number): Promise<void> {
  for (let left = pool.idleCount; left > 0; left -= 1) {
    const client = await pool.connect();
    const answer = client.query('select').then(
      () => true,
      () => false,
    );
    const answers = await Promise.race([answer, delay(withinMs, false, { ref: false })]);
    client.release(!answers);
  }
}
