import type { Duplex } from 'node:stream';
import { Client, type ClientConfig, type QueryResultRow } from 'pg';
import { connectionOptions, type PostgresLogin } from '../adapters/postgres/connection.ts';
import { translate } from '../adapters/postgres/errors.ts';
import { MillraceError } from '../engine/errors.ts';
import { reasonOf, replicationFailed } from './failures.ts';
import { Intake, type Reader } from './intake.ts';

/** How long the server waits for a sign of life of ours before it ends the session, and the lock with it. */
export const WAL_SENDER_TIMEOUT_MS = 10_000;
const CLOSE_DEADLINE_MS = 3_000;

/**
 * Set by statement, not in the start-up packet, where a DSN with options of its own would win. A machine that vanishes is
 * noticed within 11 s, so that the lock it held is free again.
 */
export const SESSION_SETTINGS = `
  set wal_sender_timeout = '${WAL_SENDER_TIMEOUT_MS}ms';
  set tcp_keepalives_idle = 5;
  set tcp_keepalives_interval = 2;
  set tcp_keepalives_count = 3;
  set statement_timeout = 0;
  set lock_timeout = 0;
  set idle_session_timeout = 0`;

/** `replication` is read by pg and unknown to its types. */
type ReplicationConfig = ClientConfig & { readonly replication: 'database' };

/** `processID` is set by pg and unknown to its types. */
type RelayClient = Client & { readonly processID?: number | null };

/** One walsender session of the server: it holds the leader's lock, and then the stream. They live and die together. */
export class ReplicationConnection {
  readonly #client: RelayClient;
  readonly #intake: Intake;
  readonly #lost = new AbortController();
  #closing: Promise<void> | undefined;

  private constructor(client: RelayClient, intake: Intake) {
    this.#client = client;
    this.#intake = intake;
    client.on('error', (error) => {
      this.#lost.abort(
        replicationFailed(`The replication connection was lost: ${reasonOf(error)}`, { cause: error }),
      );
    });
  }

  /** @throws MillraceError when the server cannot be reached, or the role may not replicate */
  static async open(
    login: PostgresLogin,
    applicationName = 'millrace relay',
  ): Promise<ReplicationConnection> {
    const intake = new Intake();
    const config: ReplicationConfig = {
      ...connectionOptions(login),
      replication: 'database',
      application_name: applicationName,
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 5_000,
      stream: () => intake.socket,
    };
    const client: RelayClient = new Client(config);
    const connection = new ReplicationConnection(client, intake);
    try {
      await client.connect();
      await client.query(SESSION_SETTINGS);
      await refusePooler(connection);
      return connection;
    } catch (error) {
      connection.destroy();
      throw explainConnect(error, login.dsn);
    }
  }

  /** Aborts when the connection is gone, with the reason. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** The server process that serves this connection, as was said when it was opened. */
  get announcedPid(): number {
    return this.#client.processID ?? -1;
  }

  /** Simple protocol only, which is all that a walsender speaks: values must be escaped into the text. */
  async query<Row extends QueryResultRow>(sql: string): Promise<Row[]> {
    this.#lost.signal.throwIfAborted();
    return (await this.#client.query<Row>(sql)).rows;
  }

  /** Takes the socket out of pg's hands, for a stream that is read by `reader`; from then on `query` must not be used. */
  takeStream(reader: Reader): Duplex {
    this.#lost.signal.throwIfAborted();
    const { stream } = this.#client.connection;
    stream.removeAllListeners('data');
    this.#intake.handTo(reader, stream);
    return stream;
  }

  /** Ends the session in order, and with it the lock; by force when the server does not answer. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  destroy(): void {
    this.#client.connection.stream.destroy();
  }

  async #close(): Promise<void> {
    const { stream } = this.#client.connection;
    if (stream.destroyed) return;
    const timer = setTimeout(() => stream.destroy(), CLOSE_DEADLINE_MS);
    stream.resume();
    try {
      await this.#client.end();
    } catch {
      // It was to end and has ended.
      stream.destroy();
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Behind a pooler each statement may run in another session: the lock would be taken in one and guard nothing. */
async function refusePooler(connection: ReplicationConnection): Promise<void> {
  const pids = new Set<number>();
  for (let round = 0; round < 3; round += 1) {
    const [row] = await connection.query<{ pid: number }>('select pg_backend_pid() as pid');
    if (row) pids.add(row.pid);
  }
  // An idle pooler may give all three to one session. But it had to make up the number by which a query is cancelled.
  if (pids.size === 1 && pids.has(connection.announcedPid)) return;
  throw poolerInTheWay('the session that answers is not the one that was opened');
}

function poolerInTheWay(sign: string, cause?: unknown): MillraceError {
  return new MillraceError(
    'configuration',
    `WE_POSTGRES_DSN leads through a connection pooler: ${sign}. Leadership and replication need a session of their own; ` +
      'point WE_POSTGRES_DSN of the relay at PostgreSQL itself.',
    { cause },
  );
}

function explainConnect(error: unknown, dsn: string): unknown {
  if (error instanceof MillraceError) return error;
  const reason = reasonOf(error);
  // PgBouncer's words for a session it cannot share, up to version 1.22.
  if (/unsupported startup parameter/i.test(reason)) return poolerInTheWay(reason, error);
  if (
    /must be superuser or replication role|permission denied to start WAL sender|must have REPLICATION/i.test(
      reason,
    )
  ) {
    return new MillraceError(
      'database_unreachable',
      `The role in WE_POSTGRES_DSN may not replicate: ${reason}. Run as a superuser: alter role … replication (on Amazon ` +
        'RDS: grant rds_replication to …)',
      { cause: error },
    );
  }
  if (/max_wal_senders|number of requested standby connections/i.test(reason)) {
    return new MillraceError(
      'unavailable',
      `PostgreSQL has no replication connection left: ${reason}. Raise max_wal_senders.`,
      { cause: error, retryable: true },
    );
  }
  return translate(error, dsn);
}
