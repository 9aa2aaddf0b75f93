import { appendFile, chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { migrate } from '../../adapters/postgres/migrate.ts';
import { createServerIdentity } from '../../cli/dev/backends/certificate.ts';
import { type PostgresOptions, type PostgresServer, startPostgres } from '../../cli/dev/backends/postgres.ts';
import { runCommand } from '../../cli/dev/backends/processes.ts';
import { type FixtureDatabase, RelayFixture } from '../int/relay-cdc/fixture.ts';

/** A server that a test may crash, and a relay fixture on it. */
export class OwnPostgres implements AsyncDisposable {
  readonly fixture: RelayFixture;
  readonly #dir: string;
  readonly #options: Omit<PostgresOptions, 'dataDir'>;
  #server: PostgresServer;

  private constructor(server: PostgresServer, dir: string, options: Omit<PostgresOptions, 'dataDir'>) {
    this.#server = server;
    this.#dir = dir;
    this.#options = { ...options, port: server.port };
    this.fixture = RelayFixture.on(this.through(server.dsn));
  }

  static async start(options: Omit<PostgresOptions, 'dataDir'>): Promise<OwnPostgres> {
    const dir = await mkdtemp(join(tmpdir(), 'millrace-pg-'));
    const server = await startPostgres({ ...options, dataDir: join(dir, 'data') });
    await migrate({ dsn: server.dsn });
    return new OwnPostgres(server, dir, options);
  }

  get dsn(): string {
    return this.#server.dsn;
  }

  /** The database at another address, for a fixture that goes through a proxy. */
  through(dsn: string): FixtureDatabase {
    const pool = new pg.Pool({ connectionString: dsn, max: 3 });
    pool.on('error', () => undefined);
    // One that is being closed while the server stops hears of it too.
    pool.on('connect', (client) => client.on('error', () => undefined));
    return { dsn, pool: () => pool, drop: () => pool.end() };
  }

  get port(): number {
    return this.#server.port;
  }

  /** Lets this network log in; the server must listen there. */
  async admit(network: string): Promise<void> {
    await appendFile(
      join(this.#dir, 'data', 'pg_hba.conf'),
      ['all', 'replication'].map((database) => `host ${database} all ${network} scram-sha-256\n`).join(''),
    );
    await this.asSuperuser('select pg_reload_conf()');
  }

  /** From now on the server speaks TLS too. @returns where the certificate lies that clients are to trust */
  async speakTls(): Promise<string> {
    const { caPem, keyStorePem } = createServerIdentity(new Date());
    const [key = '', certificate = ''] = keyStorePem.split(/(?=-----BEGIN CERTIFICATE-----)/);
    const { uid, gid } = await stat(join(this.#dir, 'data'));
    for (const [name, pem] of Object.entries({ 'server.key': key, 'server.crt': certificate })) {
      const path = join(this.#dir, 'data', name);
      await writeFile(path, pem, { mode: 0o600 });
      await chown(path, uid, gid);
    }
    await this.set({ ssl: 'on' });
    const caPath = join(this.#dir, 'ca.pem');
    await writeFile(caPath, caPem);
    return caPath;
  }

  /** A cold copy of the data directory, which a standby may start from. */
  async copyTo(target: string): Promise<void> {
    await this.#server.stop();
    const { code, output } = await runCommand('cp', ['-a', join(this.#dir, 'data'), target]);
    await this.startAgain();
    if (code !== 0) throw new Error(`the data directory could not be copied: ${output}`);
  }

  /** Makes an empty file that belongs to the server's user. */
  async emptyFileLike(path: string): Promise<void> {
    await writeFile(path, '');
    const { uid, gid } = await stat(join(this.#dir, 'data'));
    await chown(path, uid, gid);
  }

  /** As `alter system` does, without a restart. */
  async set(settings: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, value] of Object.entries(settings)) {
      await this.asSuperuser(`alter system set ${name} = ${pg.escapeLiteral(value)}`);
    }
    await this.asSuperuser('select pg_reload_conf()');
  }

  /** As a power cut of the server process does. */
  async kill(): Promise<void> {
    await this.#server.kill('immediate');
    await this.#server.stop();
  }

  async startAgain(): Promise<void> {
    this.#server = await startPostgres({ ...this.#options, dataDir: join(this.#dir, 'data') });
  }

  /** Down as by a power cut, then up again on the same port. */
  async crash(): Promise<void> {
    await this.kill();
    await this.startAgain();
  }

  /** Up to which its log is written. */
  async position(): Promise<string> {
    const [row] = await this.asSuperuser('select pg_current_wal_flush_lsn()::text as lsn');
    return String(row?.['lsn']);
  }

  async asSuperuser(sql: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({
      connectionString: this.#server.adminDsn.replace(/\/postgres$/, '/workflow'),
    });
    await client.connect();
    const { rows } = await client.query<Record<string, unknown>>(sql).finally(() => client.end());
    return rows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fixture[Symbol.asyncDispose]();
    await this.#server.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}
