import type { Client } from 'pg';
import { LogicalReplicationService, type Pgoutput } from 'pg-logical-replication';
import { connectionOptions, type PostgresLogin } from '../adapters/postgres/connection.ts';
import type { Lsn } from '../events/ids.ts';
import { reasonOf, replicationFailed } from './failures.ts';
import { Liveness } from './liveness.ts';
import { formatLsn, parseLsn } from './lsn.ts';
import { GuardedPlugin, hand } from './pglr-plugin.ts';
import { Reporter } from './reporter.ts';
import type { SessionOptions } from './session.ts';
import type { WalSession, WalSink } from './wal-session.ts';

const CLOSE_DEADLINE_MS = 3_000;

export interface PglrOptions extends SessionOptions {
  readonly login: PostgresLogin;
  /** Aborts when the connection that holds the leader's lock is gone. */
  readonly lost: AbortSignal;
}

/**
 * The session on npm `pg-logical-replication` 2.5.0, kept as a supported alternative. It is used so:
 * - `acknowledge.auto: false` and `timeoutSeconds: 0`: its timer confirms what was received, whatever `auto` says.
 * - `acknowledge(lsn)` sends one more than it is given, so it is given one less.
 * - One service object a term, started at a position of ours: it would resume at what it last received.
 * - No `flowControl`, which goes on after a handler has failed: the socket is paused, and the handler does not wait.
 * - Its parser throws for what it does not know, in the middle of a socket event: caught in the plugin here.
 * - Text mode: in binary mode values are views of a buffer that pg moves bytes in.
 *
 * What remains: the service opens its own connection, so the lock is on another session than the stream. Either one's end
 * ends the term, and a new leader ends a stream it finds, but for a moment a stream can outlive its lock. The age of a commit
 * is taken by this machine's clock. A row costs several times as much as in `session.ts`.
 */
export class PglrWalSession implements WalSession {
  readonly #options: PglrOptions;
  readonly #service: LogicalReplicationService;
  readonly #ended = Promise.withResolvers<void>();
  readonly #liveness = new Liveness();
  readonly #reporter: Reporter;
  #client: Client | undefined;
  #isStreaming = false;
  #isEnded = false;
  #confirmed: Lsn;
  #readEndPlanned = false;

  constructor(options: PglrOptions) {
    this.#options = options;
    this.#confirmed = options.start;
    this.#reporter = new Reporter({
      liveness: this.#liveness,
      phase: () => (this.#isEnded ? 'over' : this.#isStreaming ? 'streaming' : 'starting'),
      send: (ping) => this.#send(ping),
      fail: (error) => this.#end(error),
    });
    this.#service = new LogicalReplicationService(
      {
        ...connectionOptions(options.login),
        application_name: 'millrace relay (pg-logical-replication)',
        connectionTimeoutMillis: 5_000,
        keepAlive: true,
        keepAliveInitialDelayMillis: 5_000,
      },
      { acknowledge: { auto: false, timeoutSeconds: 0 }, flowControl: { enabled: false } },
    );
  }

  async run(sink: WalSink): Promise<void> {
    const { slot, publication, start, lost } = this.#options;
    const onLost = (): void => this.#end(lost.reason);
    lost.addEventListener('abort', onLost, { once: true });
    this.#reporter.start();
    this.#listen(sink);
    const plugin = new GuardedPlugin(publication, {
      onClient: (client) => {
        this.#client = client;
      },
      onError: (error) => this.#end(error),
    });
    const subscribed = this.#service.subscribe(plugin, slot, formatLsn(start));
    subscribed.then(
      () => this.#end(replicationFailed('PostgreSQL ended the replication stream.')),
      (error: unknown) => this.#end(this.#refused(error)),
    );
    try {
      await this.#ended.promise;
    } finally {
      this.#reporter.stop();
      lost.removeEventListener('abort', onLost);
      this.#isStreaming = false;
      await this.#close();
    }
  }

  confirm(lsn: Lsn): void {
    if (lsn <= this.#confirmed) return;
    this.#confirmed = lsn;
    this.#reporter.soon();
  }

  pause(): void {
    this.#liveness.pause();
    this.#client?.connection.stream.pause();
  }

  resume(): void {
    this.#liveness.resume();
    this.#client?.connection.stream.resume();
  }

  isCurrent(): boolean {
    return !this.#isEnded && this.#liveness.isCurrent();
  }

  async stop(): Promise<void> {
    // The server reads what was sent in order: the position, then the end of the session.
    this.#reporter.report();
    this.resume();
    this.#end();
    await this.#close();
  }

  async #close(): Promise<void> {
    const timer = setTimeout(() => this.#client?.connection.stream.destroy(), CLOSE_DEADLINE_MS);
    await this.#service.stop().finally(() => clearTimeout(timer));
  }

  #listen(sink: WalSink): void {
    const guarded = (handle: () => void): void => {
      if (this.#isEnded) return;
      if (!this.#reporter.stillCurrent()) return;
      this.#liveness.received();
      try {
        handle();
      } catch (error) {
        this.#end(error);
      }
    };
    this.#service.on('start', () => {
      this.#isStreaming = true;
    });
    this.#service.on('error', (error) => this.#end(this.#refused(error)));
    this.#service.on('data', (_, message: Pgoutput.Message | undefined) => {
      guarded(() => message && hand(message, sink, this.#options.shard));
      this.#planReadEnd(sink);
    });
    this.#service.on('heartbeat', (lsn, _, shouldRespond) => {
      guarded(() => sink.keepalive(parseLsn(lsn)));
      if (shouldRespond) this.#reporter.report();
    });
  }

  /** The service tells of messages, not of reads: those of one read come within one turn of the event loop. */
  #planReadEnd(sink: WalSink): void {
    if (this.#readEndPlanned) return;
    this.#readEndPlanned = true;
    queueMicrotask(() => {
      this.#readEndPlanned = false;
      if (!this.#isEnded) sink.readEnd();
    });
  }

  #send(ping: boolean): void {
    this.#service
      .acknowledge(formatLsn((this.#confirmed - 1n) as Lsn), ping)
      .catch((error: unknown) => this.#end(this.#refused(error)));
  }

  #refused(error: unknown): unknown {
    if (!(error instanceof Error)) return error;
    const sqlstate = 'code' in error ? error.code : undefined;
    const { slot } = this.#options;
    return replicationFailed(`The replication of slot ${slot} ended: ${reasonOf(error)}`, {
      cause: error,
      detail: { sqlstate, slot },
    });
  }

  #end(error?: unknown): void {
    this.#isEnded = true;
    if (error === undefined) this.#ended.resolve();
    else this.#ended.reject(error);
  }
}
