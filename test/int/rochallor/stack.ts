import { afterAll, beforeAll } from 'vitest';
import { createPool } from '../../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../../adapters/postgres/record-store.ts';
import { PostgresWakeups } from '../../../adapters/postgres/wakeups.ts';
import { createEngineDeps } from '../../../adapters/system/engine-deps.ts';
import { type GrpcServer, startGrpcServer } from '../../../cli/dev/grpc-server.ts';
import type { DispatchMode } from '../../../engine/deps.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import { leaderRoles } from '../../../engine/roles/leader-roles.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { type Answer, type Api, startApi } from '../functions/http/api.ts';
import type { Client, Instance, Variables } from './client.ts';
import type { WorkflowDocument } from './definitions.ts';
import { grpcClient } from './grpc-client.ts';
import { restClient } from './rest-client.ts';
import { type Handlers, runWorker } from './worker.ts';

export type Transport = 'REST' | 'gRPC';

/** The dialect's API, the leader's roles, and a worker that speaks nothing but the dialect. */
export interface DialectStack {
  readonly mode: DispatchMode;
  readonly transport: Transport;
  readonly api: Api;
  /** Speaks the transport of the stack. */
  readonly client: Client;
  /** REST, whatever the transport: for what only it has. */
  post(path: string, body?: unknown): Promise<Answer>;
  get(path: string): Promise<Answer>;
  /** Uploads and starts. @returns the instance as the start answered it */
  start(definition: WorkflowDocument, variables?: Variables, more?: StartOptions): Promise<Instance>;
  until(id: string, status: string): Promise<Instance>;
}

interface StartOptions {
  readonly businessKey?: string;
}

interface StackOptions {
  readonly transport: Transport;
  readonly handlers: Handlers;
}

/** Call it at the top of a test file. */
export function startDialect(mode: DispatchMode, { transport, handlers }: StackOptions): DialectStack {
  const api = startApi(mode);
  const stop = new AbortController();
  let grpc: GrpcServer | undefined;
  const client = transport === 'REST' ? restClient(api) : grpcClient(() => String(grpc?.url));
  let close = () => Promise.resolve();
  beforeAll(async () => {
    if (transport === 'gRPC') grpc = await startGrpcServer({ port: 0, host: '127.0.0.1' });
    const pool = createPool({ dsn: api.database.dsn, poolSize: 4 }, silentLogger);
    const deps = createEngineDeps(createPostgresRecordStore(pool), mode);
    const wakeups = new PostgresWakeups({ dsn: api.database.dsn, clock: deps.clock, logger: silentLogger });
    const options = { logger: silentLogger, tickMs: 1000, lostAfterMs: 300_000, wakeups };
    const running: Promise<unknown>[] = leaderRoles(deps, options).map((role) => role.run(stop.signal));
    running.push(runWorker(client, { mode, handlers, signal: stop.signal, database: api.database }));
    close = async () => {
      stop.abort();
      await Promise.all(running);
      await pool.end();
      await grpc?.stop();
    };
  });
  afterAll(() => close());
  return {
    mode,
    transport,
    api,
    client,
    post: (path, body = {}) => api.post(`/v1/${path}`, body),
    get: (path) => api.get(`/v1/${path}`),
    async start(definition, variables = {}, more = {}) {
      const { id } = await client.upload(definition);
      return client.start(id, { variables, ...more });
    },
    async until(id, status) {
      await waitFor(async () => (await client.instance(id)).status === status, {
        within: 30_000,
        what: `instance ${id} to be ${status}`,
      });
      return client.instance(id);
    },
  };
}
