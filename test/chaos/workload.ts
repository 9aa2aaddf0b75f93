import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Topic } from '../../events/ids.ts';
import { packOf, TOPIC } from '../int/relay-cdc/fixture.ts';
import { Written } from './history.ts';

export interface WorkloadOptions {
  /** Asked for before each connect: a failover changes it. */
  readonly dsn: () => string;
  readonly topic?: Topic;
  readonly connections?: number;
  readonly keysPerConnection?: number;
}

const RECONNECT_MS = 50;
/** A server that stands still must not hold the load for longer than a fault lasts. */
const QUERY_TIMEOUT_MS = 15_000;

/**
 * Writes numbered messages to the outbox over several connections, and keeps what became of each. Every key belongs to one
 * connection, so that its numbers rise in commit order; a transaction has one to four rows of one to three messages.
 */
export class Workload implements AsyncDisposable {
  readonly written = new Written();
  readonly #writers: Writer[];
  #running: Promise<unknown> | undefined;
  #isOver = false;

  constructor(options: WorkloadOptions) {
    const { connections = 2 } = options;
    this.#writers = Array.from({ length: connections }, (_, id) => new Writer(id, options, this.written));
  }

  /** Each connection commits this many transactions; an answer that was lost counts as one. */
  async burst(transactions: number): Promise<void> {
    await Promise.all(
      this.#writers.map(async (writer) => {
        for (let done = 0; done < transactions; done += 1) await writer.write();
      }),
    );
  }

  /** Writes without pause from now on, until `stop`. */
  start(): void {
    this.#isOver = false;
    this.#running = Promise.all(
      this.#writers.map(async (writer) => {
        while (!this.#isOver) await writer.write(() => this.#isOver);
      }),
    );
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  /** The next transactions are written over new connections. */
  async hangUp(): Promise<void> {
    await Promise.all(this.#writers.map((writer) => writer.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.hangUp();
  }
}

class Writer {
  readonly #id: number;
  readonly #options: WorkloadOptions;
  readonly #written: Written;
  #client: pg.Client | undefined;
  #transactions = 0;
  #number = 0;

  constructor(id: number, options: WorkloadOptions, written: Written) {
    this.#id = id;
    this.#options = options;
    this.#written = written;
  }

  /** One transaction. A connection that cannot be had is tried for until `giveUp` says otherwise. */
  async write(giveUp: () => boolean = () => false): Promise<void> {
    const client = await this.#connected(giveUp);
    if (!client) return;
    const rows = this.#nextRows();
    const values = rows.flatMap((row) => row.values);
    const { topic = TOPIC } = this.#options;
    try {
      await client.query(
        `insert into dispatch_outbox (topic, message_count, messages)
        select $1, count, pack from unnest($2::int[], $3::bytea[]) as row (count, pack)`,
        [topic, rows.map((row) => row.values.length), rows.map((row) => packOf(row.values, row.key))],
      );
      for (const value of values) this.#written.committed.add(value);
    } catch (error) {
      const outcome = isRefusal(error) ? this.#written.refused : this.#written.unknown;
      for (const value of values) outcome.add(value);
      await this.close();
    }
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    client?.connection.stream.destroy();
    await client?.end().catch(() => undefined);
  }

  #nextRows(): { key: string; values: string[] }[] {
    const { keysPerConnection = 5 } = this.#options;
    this.#transactions += 1;
    const rows = 1 + (this.#transactions % 4);
    return Array.from({ length: rows }, (_, row) => {
      const key = `c${this.#id}.${(this.#transactions + row) % keysPerConnection}`;
      const values = Array.from({ length: 1 + ((this.#transactions + row) % 3) }, () => {
        this.#number += 1;
        return `${key}#${this.#number}`;
      });
      return { key, values };
    });
  }

  async #connected(giveUp: () => boolean): Promise<pg.Client | undefined> {
    while (!this.#client && !giveUp()) {
      const client = new pg.Client({
        connectionString: this.#options.dsn(),
        connectionTimeoutMillis: 3_000,
        query_timeout: QUERY_TIMEOUT_MS,
      });
      // The query under way hears of it.
      client.on('error', () => undefined);
      try {
        await client.connect();
        this.#client = client;
      } catch {
        client.connection.stream.destroy();
        await delay(RECONNECT_MS);
      }
    }
    return this.#client;
  }
}

/** Only what the server refused before the commit is certain not to be there; a session that was ended may have committed. */
function isRefusal(error: unknown): boolean {
  return error instanceof pg.DatabaseError && !/^57P0|^08|^XX/.test(error.code ?? '');
}
