import { createPool as createDriverPool } from 'mysql2';
import type { Pool, PoolConnection } from 'mysql2/promise';
import type { MysqlConfig } from './config.ts';
import { codeOf, translate } from './errors.ts';
import type { Database, Parameters } from './sql/database.ts';

const CONNECT_MS = 5_000;
/** The driver waits for ever for the answer of a server that has gone without a word. */
const STATEMENT_MS = 30_000;

export interface MysqlPool extends Database {
  /** Runs the statements in one transaction, which ends as the answer says; a failure leaves nothing of it. */
  inTransaction<T>(
    run: (db: Database) => Promise<{ readonly commit: boolean; readonly value: T }>,
  ): Promise<T>;
  end(): Promise<void>;
}

export function connectionOptions(config: MysqlConfig) {
  const { host, port, user, database, tls } = config;
  return {
    ...{ host, port, user, database },
    password: config.password(),
    connectTimeout: CONNECT_MS,
    charset: 'utf8mb4_bin',
    // Times are universal in the tables, whatever the server's zone and this process's are.
    timezone: 'Z',
    ...(tls && { ssl: { ...tls, rejectUnauthorized: true, verifyIdentity: true } }),
  };
}

export function addressOf({ host, port, database }: MysqlConfig): string {
  return `${host}:${port}/${database}`;
}

export function createPool(config: MysqlConfig): MysqlPool {
  const driver = createDriverPool({
    ...connectionOptions(config),
    connectionLimit: config.poolSize,
    namedPlaceholders: true,
  });
  // At MySQL's own default an insert that reads locks the gaps around what it reads, and stores of unrelated runs wait for it.
  driver.on('connection', (connection) => {
    connection.query('set session transaction isolation level read committed', (error) => {
      if (error) connection.destroy();
    });
  });
  const pool = driver.promise();
  const address = addressOf(config);
  return {
    execute: (statement, values) =>
      withConnection(pool, address, (connection) => databaseOf(connection).execute(statement, values)),
    expand: (statement, ids) =>
      withConnection(pool, address, (connection) => databaseOf(connection).expand(statement, ids)),
    inTransaction: (run) =>
      withConnection(pool, address, async (connection) => {
        await connection.beginTransaction();
        try {
          const { commit, value } = await run(databaseOf(connection));
          await (commit ? connection.commit() : connection.rollback());
          return value;
        } catch (error) {
          // A lost connection has rolled back by itself, and what matters is how it was lost.
          await connection.rollback().catch(() => undefined);
          throw error;
        }
      }),
    end: () => pool.end(),
  };
}

async function withConnection<T>(
  pool: Pool,
  address: string,
  use: (connection: PoolConnection) => Promise<T>,
): Promise<T> {
  try {
    const connection = await pool.getConnection();
    try {
      const answer = await use(connection);
      connection.release();
      return answer;
    } catch (error) {
      // One that still waits for an answer would give it to whoever asks next.
      if (isBroken(error)) connection.destroy();
      else connection.release();
      throw error;
    }
  } catch (error) {
    throw translate(error, address);
  }
}

function isBroken(error: unknown): boolean {
  return (
    (error instanceof Error && 'fatal' in error && error.fatal === true) ||
    /^PROTOCOL_/.test(codeOf(error) ?? '')
  );
}

function databaseOf(connection: PoolConnection): Database {
  const answer = (result: unknown) => {
    if (Array.isArray(result)) return { rows: result, affected: 0 };
    const changed = typeof result === 'object' && result !== null && 'affectedRows' in result;
    return { rows: [], affected: changed ? Number(result.affectedRows) : 0 };
  };
  return {
    execute: async (sql, values: Parameters = {}) =>
      answer((await connection.execute({ sql, timeout: STATEMENT_MS }, values))[0]),
    expand: async (sql, ids) =>
      answer((await connection.query({ sql, timeout: STATEMENT_MS }, { ids: [...ids] }))[0]),
  };
}
