import { afterAll, beforeAll, vi } from 'vitest';
import { createAccessStore } from '../../../../adapters/postgres/access.ts';
import type { DispatchMode } from '../../../../engine/deps.ts';
import { mintKey } from '../../../../functions/auth/api-key.ts';
import type { Scope } from '../../../../functions/auth/scopes.ts';
import { closeApp } from '../../../../functions/compose.ts';
import { type AppRole, createAppRole } from '../../../helpers/app-role.ts';
import { type Answer, type Api, startApi } from './api.ts';

/** Somebody with a key. */
export interface Caller {
  readonly headers: Readonly<Record<string, string>>;
  get(path: string): Promise<Answer>;
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  send(method: string, path: string, body?: unknown): Promise<Answer>;
}

export interface TenantApi {
  readonly api: Api;
  /** Of a tenant; without one the operator. */
  caller(
    tenant?: string,
    more?: { scopes?: readonly Scope[]; name?: string; rate?: number },
  ): Promise<Caller>;
}

/** The API as it is deployed: it asks for keys, and logs in with a role that owns no table. To be called at the top of a file. */
export function startTenantApi(mode: DispatchMode): TenantApi {
  beforeAll(() => {
    vi.stubEnv('WE_AUTH', 'keys');
  });
  let role: AppRole | undefined;
  const api = startApi(mode);
  beforeAll(async () => {
    role = await createAppRole(api.database);
    vi.stubEnv('WE_POSTGRES_DSN', role.dsn);
  });
  afterAll(async () => {
    await closeApp();
    await role?.[Symbol.asyncDispose]();
  });
  return { api, caller: (tenant, more) => callerOf(api, tenant, more) };
}

async function callerOf(
  api: Api,
  tenant: string | undefined,
  more: { scopes?: readonly Scope[]; name?: string; rate?: number } = {},
): Promise<Caller> {
  const { id, key, hash } = mintKey();
  const { scopes = ['admin'], name = 'one', rate } = more;
  await createAccessStore(api.database.pool()).addKey({
    id,
    name,
    hash,
    scopes,
    tenant,
    ratePerSecond: rate,
  });
  const headers = { authorization: `Bearer ${key}` };
  const send: Caller['send'] = (method, path, body) =>
    api.raw({
      method,
      path,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  return {
    headers,
    get: (path) => send('GET', path),
    post: (path, body = {}, own = {}) => api.post(path, body, { ...headers, ...own }),
    send,
  };
}
