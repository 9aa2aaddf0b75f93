import { afterAll, beforeAll, expect } from 'vitest';
import { createPool } from '../../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../../adapters/postgres/record-store.ts';
import { PostgresWakeups } from '../../../adapters/postgres/wakeups.ts';
import { createEngineDeps } from '../../../adapters/system/engine-deps.ts';
import type { DispatchMode } from '../../../engine/deps.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import { leaderRoles } from '../../../engine/roles/leader-roles.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { type Answer, type Api, startApi } from '../functions/http/api.ts';
import { type Handlers, runWorker } from './worker.ts';

const SOON = { within: 30_000 };

/** The dialect's API, the leader's roles, and a worker that speaks nothing but the dialect. */
export interface DialectStack {
  readonly api: Api;
  post(path: string, body?: unknown): Promise<Answer>;
  get(path: string): Promise<Answer>;
  upload(definition: object): Promise<Answer>;
  /** Uploads and starts. @returns the instance as the start answered it */
  start(definition: object, variables?: object, more?: object): Promise<Answer['json']>;
  until(id: unknown, status: string): Promise<Answer['json']>;
  history(id: unknown): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

/** Call it at the top of a test file. */
export function startDialect(mode: DispatchMode, handlers: Handlers): DialectStack {
  const api = startApi(mode);
  const stop = new AbortController();
  const running: Promise<unknown>[] = [];
  let close = () => Promise.resolve();
  beforeAll(async () => {
    const pool = createPool({ dsn: api.database.dsn, poolSize: 4 }, silentLogger);
    const deps = createEngineDeps(createPostgresRecordStore(pool), mode);
    const wakeups = new PostgresWakeups({ dsn: api.database.dsn, clock: deps.clock, logger: silentLogger });
    const options = { logger: silentLogger, tickMs: 1000, lostAfterMs: 300_000, wakeups };
    for (const role of leaderRoles(deps, options)) running.push(role.run(stop.signal));
    running.push(runWorker(api, { mode, handlers, signal: stop.signal }));
    close = async () => {
      stop.abort();
      await Promise.all(running);
      await pool.end();
    };
  });
  afterAll(() => close());
  const post = (path: string, body: unknown = {}) => api.post(`/v1/${path}`, body);
  const get = (path: string) => api.get(`/v1/${path}`);
  const upload = (definition: object) => post('definitions', definition);
  const view = async (id: unknown) => (await get(`instances/${String(id)}`)).json;
  return {
    api,
    post,
    get,
    upload,
    async start(definition, variables = {}, more = {}) {
      const uploaded = await upload(definition);
      expect(uploaded.status, uploaded.text).toBe(201);
      const answer = await post('instances', { definitionId: uploaded.json['id'], variables, ...more });
      expect(answer.status, answer.text).toBe(201);
      return answer.json;
    },
    async until(id, status) {
      await waitFor(async () => (await view(id))['status'] === status, {
        ...SOON,
        what: `instance ${String(id)} to be ${status}`,
      });
      return view(id);
    },
    async history(id) {
      const { json } = await get(`instances/${String(id)}/history`);
      return json['items'] as readonly Readonly<Record<string, unknown>>[];
    },
  };
}
