import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { applyServiceTopics } from '../../../cli/dev/service-topics.ts';
import type { DispatchMode } from '../../../engine/deps.ts';
import type { StepId } from '../../../events/ids.ts';
import { createDatabase, type TestDatabase } from '../../helpers/database.ts';
import { kafkaBrokers } from '../../helpers/kafka.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { Killable } from '../killable.ts';

const MINUTE = 60_000;

export type JobTypes = Readonly<Record<'add' | 'slow' | 'fragile' | 'credit' | 'fraud', StepId>>;

export interface Answer {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
}

/** A whole installation as processes of their own, each of which may be killed at any time. */
export class Installation implements AsyncDisposable {
  readonly #own = randomBytes(4).toString('hex');
  readonly types: JobTypes = {
    add: this.#type('add'),
    slow: this.#type('slow'),
    fragile: this.#type('fragile'),
    credit: this.#type('credit'),
    fraud: this.#type('fraud'),
  };
  readonly processes = new Map<string, Killable>();
  readonly #stack = new AsyncDisposableStack();
  #database: TestDatabase | undefined;
  #url = '';

  get pool() {
    if (!this.#database) throw new Error('it has not started');
    return this.#database.pool();
  }

  async start(mode: DispatchMode): Promise<void> {
    const database = this.#stack.use(await createDatabase());
    this.#database = database;
    const cwd = await mkdtemp(join(tmpdir(), 'millrace-chaos-'));
    this.#stack.defer(() => rm(cwd, { recursive: true, force: true }));
    await writeFile(join(cwd, 'millrace.config.ts'), this.#config());
    const env = this.#env(mode, database.dsn);
    if (mode === 'kafka_outbox') await applyServiceTopics(env, Object.values(this.types));
    const begin = async (name: string, command: readonly string[], more: Record<string, string>) => {
      const child = this.#stack.use(new Killable({ command, cwd, env: { ...env, ...more } }));
      this.processes.set(name, child);
      return child.start();
    };
    const { apiUrl: url = '' } = await begin('api', ['api'], { WE_HTTP_PORT: await freePort() });
    this.#url = url;
    if (mode === 'kafka_outbox') await begin('relay', ['relay'], {});
    const source = mode === 'polling' ? 'polling' : 'kafka';
    await begin('worker', ['worker', '--source', source], { WE_API_URL: url });
  }

  post(path: string, body: object): Promise<Answer> {
    return this.#send(path, { method: 'POST', body: JSON.stringify(body) });
  }

  get(path: string): Promise<Answer> {
    return this.#send(path, { method: 'GET' });
  }

  async count(sql: string): Promise<number> {
    const { rows } = await this.pool.query<{ n: number }>(`select (${sql})::integer as n`);
    return rows[0]?.n ?? 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }

  /** As a client that keeps trying while nobody answers. @returns the answer, whatever its status */
  #send(path: string, init: RequestInit): Promise<Answer> {
    return waitFor(
      async () => {
        const answer = await fetch(`${this.#url}/api/v1/${path}`, init).catch(() => undefined);
        if (!answer || answer.status >= 500) return undefined;
        return { status: answer.status, json: (await answer.json()) as Answer['json'] };
      },
      { within: MINUTE, what: `an answer to ${init.method} ${path}` },
    );
  }

  #type(name: string): StepId {
    return `${name}-${this.#own}` as StepId;
  }

  #env(mode: DispatchMode, dsn: string): Record<string, string> {
    const common = { WE_POSTGRES_DSN: dsn, WE_DISPATCH_MODE: mode, WE_LEASE_SECONDS: '2' };
    if (mode === 'polling') return common;
    return {
      ...common,
      WE_KAFKA_TRANSPORT: 'plaintext',
      WE_KAFKA_SEED_BROKERS: kafkaBrokers().join(','),
      WE_RELAY_SLOT: `test_${this.#own}`,
      WE_METRICS_PORT: '0',
    };
  }

  #config(): string {
    const { types } = this;
    const sdk = pathToFileURL(join(import.meta.dirname, '..', '..', '..', 'sdk', 'index.ts')).href;
    return `
import { defineConfig, defineJob, NonRetryableError } from ${JSON.stringify(sdk)};
export default defineConfig({ jobs: {
  ${JSON.stringify(types.add)}: defineJob(({ job }) => ({ n: job.payload.n + 1 })),
  ${JSON.stringify(types.slow)}: defineJob(async ({ job }) => {
    await new Promise((resolve) => setTimeout(resolve, 30));
    return { [\`seen_\${job.payload.item ?? 'none'}\`]: true };
  }),
  ${JSON.stringify(types.fragile)}: defineJob(({ job }) => {
    if (job.payload.forGood) throw new Error('it stays broken');
    if (!job.payload.mended) throw new NonRetryableError('it is broken');
    return { fine: true };
  }),
  ${JSON.stringify(types.credit)}: defineJob(() => ({ credit: 700 })),
  ${JSON.stringify(types.fraud)}: defineJob(({ job }) => ({ fraud: job.payload.amount > 900 ? 80 : 5 })),
} });
`;
  }
}

async function freePort(): Promise<string> {
  const { createServer } = await import('node:net');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return String(typeof address === 'object' ? address?.port : 0);
}
