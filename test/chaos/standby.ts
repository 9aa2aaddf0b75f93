import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type PostgresServer, startPostgres } from '../../cli/dev/backends/postgres.ts';
import type { PostgresVersion } from '../../cli/dev/backends/postgres-binaries.ts';
import type { LocalProxy } from '../helpers/proxy.ts';
import { startTcpProxy } from '../helpers/tcp-proxy.ts';
import { waitFor } from '../helpers/wait-for.ts';
import type { OwnPostgres } from './own-postgres.ts';

/** The name by which the primary waits for it, and of its physical slot. */
const NAME = 'standby';

export interface StandbyOptions {
  readonly version: PostgresVersion;
  /** From 17 on: the standby keeps copies of the logical slots, and the primary shows a relay only what the standby has. */
  readonly syncSlots: boolean;
  /** False: a commit does not wait for it. */
  readonly synchronous?: boolean;
}

/** A physical standby. A synchronous one, as it is unless asked for otherwise, has whatever a client was told is committed. */
export class Standby implements AsyncDisposable {
  readonly #server: PostgresServer;
  readonly #dir: string;
  readonly #primary: OwnPostgres;
  readonly #link: LocalProxy;
  #frozen: number | undefined;

  private constructor(parts: {
    primary: OwnPostgres;
    server: PostgresServer;
    dir: string;
    link: LocalProxy;
  }) {
    this.#primary = parts.primary;
    this.#server = parts.server;
    this.#dir = parts.dir;
    this.#link = parts.link;
  }

  static async of(primary: OwnPostgres, options: StandbyOptions): Promise<Standby> {
    const { version, syncSlots, synchronous = true } = options;
    const dir = await mkdtemp(join(tmpdir(), 'millrace-standby-'));
    const dataDir = join(dir, 'data');
    await primary.copyTo(dataDir);
    await primary.asSuperuser(`select pg_create_physical_replication_slot('${NAME}')`);
    // An empty file is what makes it a standby.
    await primary.emptyFileLike(join(dataDir, 'standby.signal'));
    const link = await startTcpProxy(0, () => primary.port);
    const server = await startPostgres({
      dataDir,
      version,
      settings: {
        primary_conninfo:
          `host=127.0.0.1 port=${link.port} user=postgres password=postgres dbname=workflow ` +
          `application_name=${NAME}`,
        primary_slot_name: NAME,
        hot_standby_feedback: 'on',
        wal_receiver_status_interval: '1s',
      },
    });
    await primary.set({
      ...(synchronous ? { synchronous_standby_names: NAME } : {}),
      ...(syncSlots ? { synchronized_standby_slots: NAME } : {}),
    });
    const standby = new Standby({ primary, server, dir, link });
    await waitFor(() => standby.ask("select status = 'streaming' as yes from pg_stat_wal_receiver"), {
      within: 30_000,
      what: 'the standby to follow',
    });
    return standby;
  }

  get port(): number {
    return this.#server.port;
  }

  /** Has it copy the primary's logical slots from now on: its worker, newly started, does not nap first. */
  async syncSlots(): Promise<void> {
    await this.#query('alter system set sync_replication_slots = on');
    await this.#query('select pg_reload_conf()');
  }

  /** Whether the first row's column `yes` is true. */
  async ask(sql: string): Promise<boolean> {
    const [row] = await this.#query(sql);
    return row?.['yes'] === true;
  }

  /** Resolves once all that the primary has committed so far is here. */
  async catchUp(): Promise<void> {
    const position = await this.#primary.position();
    await waitFor(() => this.ask(`select pg_last_wal_replay_lsn() >= '${position}'::pg_lsn as yes`), {
      within: 30_000,
      what: 'the standby to have it all',
    });
  }

  /** What the primary commits from now on never comes here. */
  async cutOff(): Promise<void> {
    await this.#link[Symbol.asyncDispose]();
    await waitFor(() => this.ask('select count(*) = 0 as yes from pg_stat_wal_receiver'), {
      within: 30_000,
      what: 'the standby to stop following',
    });
  }

  async promote(): Promise<void> {
    await this.#query('select pg_promote(true)');
    // It has no standby of its own to wait for.
    await this.#query("alter system set synchronous_standby_names = ''");
    await this.#query("alter system set synchronized_standby_slots = ''").catch(() => undefined);
    await this.#query('select pg_reload_conf()');
  }

  /** The primary's commits wait from now on: they are in its log, and no other session can see them. */
  async freeze(): Promise<void> {
    const [row] = await this.#query('select pid from pg_stat_wal_receiver');
    this.#frozen = Number(row?.['pid']);
    process.kill(this.#frozen, 'SIGSTOP');
  }

  thaw(): void {
    if (this.#frozen !== undefined) process.kill(this.#frozen, 'SIGCONT');
    this.#frozen = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.thaw();
    // A primary that is still there must not wait for the one that goes.
    await this.#primary.set({ synchronous_standby_names: '' }).catch(() => undefined);
    await this.#server.stop();
    await this.#link[Symbol.asyncDispose]();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #query(sql: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({
      connectionString: this.#server.adminDsn.replace(/\/postgres$/, '/workflow'),
    });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  }
}
