import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { migrate } from '../../adapters/postgres/migrate.ts';
import { type PostgresOptions, type PostgresServer, startPostgres } from '../../cli/dev/backends/postgres.ts';
import { RelayFixture } from '../int/relay-cdc/fixture.ts';

/** A server that a test may crash, and a relay fixture on it. */
export class OwnPostgres implements AsyncDisposable {
  readonly fixture: RelayFixture;
  readonly #dir: string;
  readonly #options: Omit<PostgresOptions, 'dataDir'>;
  readonly #pool: pg.Pool;
  #server: PostgresServer;

  private constructor(server: PostgresServer, dir: string, options: Omit<PostgresOptions, 'dataDir'>) {
    this.#server = server;
    this.#dir = dir;
    this.#options = { ...options, port: server.port };
    this.#pool = new pg.Pool({ connectionString: server.dsn, max: 3 });
    this.#pool.on('error', () => undefined);
    this.fixture = RelayFixture.on({
      dsn: server.dsn,
      pool: () => this.#pool,
      drop: () => this.#pool.end(),
    });
  }

  static async start(options: Omit<PostgresOptions, 'dataDir'>): Promise<OwnPostgres> {
    const dir = await mkdtemp(join(tmpdir(), 'millrace-pg-'));
    const server = await startPostgres({ ...options, dataDir: join(dir, 'data') });
    await migrate({ dsn: server.dsn });
    return new OwnPostgres(server, dir, options);
  }

  /** As a power cut of the server process does, then up again on the same port. */
  async crash(): Promise<void> {
    await this.#server.kill('immediate');
    await this.#server.stop();
    this.#server = await startPostgres({ ...this.#options, dataDir: join(this.#dir, 'data') });
  }

  async asSuperuser(sql: string): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#server.adminDsn.replace(/\/postgres$/, '/workflow'),
    });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fixture[Symbol.asyncDispose]();
    await this.#server.stop();
    await rm(this.#dir, { recursive: true, force: true });
  }
}
