import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createAccessStore } from '../../../../adapters/postgres/access.ts';
import { mintKey } from '../../../../functions/auth/api-key.ts';
import { allows, type Scope, scopeNames } from '../../../../functions/auth/scopes.ts';
import { routes } from '../../../../functions/http/routes.ts';
import { type Answer, expectProblem, startApi } from './api.ts';

const ISSUER = 'https://issuer.test';
const AUDIENCE = 'millrace-test';
const pair = await generateKeyPair('RS256', { extractable: true });
const strange = await generateKeyPair('RS256');
let jwks: Server;

beforeAll(async () => {
  const keys = [{ ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'RS256', use: 'sig' }];
  jwks = createServer((_request, response) => response.end(JSON.stringify({ keys })));
  await new Promise<void>((resolve) => jwks.listen(0, '127.0.0.1', resolve));
  vi.stubEnv('WE_AUTH', 'keys');
  vi.stubEnv('WE_JWT_ISSUER', ISSUER);
  vi.stubEnv('WE_JWT_AUDIENCE', AUDIENCE);
  vi.stubEnv('WE_JWT_JWKS_URL', `http://127.0.0.1:${(jwks.address() as AddressInfo).port}/`);
});
afterAll(() => {
  jwks.close();
});

const api = startApi('kafka_outbox');

async function keyFor(
  scopes: readonly string[],
  more: { ratePerSecond?: number; expiresAt?: Date; name?: string } = {},
): Promise<{ id: string; key: string; headers: Record<string, string> }> {
  const { id, key, hash } = mintKey();
  await createAccessStore(api.database.pool()).addKey({ id, name: scopes.join('-'), hash, scopes, ...more });
  return { id, key, headers: bearer(key) };
}

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

function ask(path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return api.raw({ method: 'GET', path, headers });
}

const SOMEWHERE = '01990000-0000-7000-8000-000000000000';
const concrete = (path: string) =>
  path.replace('{id}', SOMEWHERE).replace('{step}', 'one').replace('{name}', 'some');
const guarded = routes.flatMap(({ method, path, endpoint }) =>
  endpoint.shape.scope === 'public' ? [] : [{ method, path: concrete(path), scope: endpoint.shape.scope }],
);

describe('every route', () => {
  test('refuses whoever brings nothing, before it looks at what else was sent', async () => {
    for (const { method, path } of guarded) {
      const answer = await api.raw({
        method,
        path,
        ...(method === 'POST' || method === 'PATCH' ? { body: '{' } : {}),
        headers: { 'content-type': 'application/json' },
      });
      expectProblem(answer, 401, 'unauthorized');
      expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="millrace"');
    }
  });

  test.each(scopeNames)('takes the scope %s where it is enough and nowhere else', async (held) => {
    const { headers } = await keyFor([held]);
    for (const { method, path, scope } of guarded) {
      const sent = { ...headers, 'content-type': 'application/json' };
      const { status } = await api.raw({
        method,
        path,
        headers: sent,
        ...(method === 'POST' || method === 'PATCH' ? { body: '{' } : {}),
      });
      const isIn = allows({ name: '', scopes: new Set<Scope>([held]) }, scope);
      expect({ path: `${method} ${path}`, isIn: status !== 401 && status !== 403 }).toEqual({
        path: `${method} ${path}`,
        isIn,
      });
    }
  });

  test('that is public tells nothing of jobs', () => {
    const open = routes.filter(({ endpoint }) => endpoint.shape.scope === 'public').map(({ path }) => path);
    expect(open.every((path) => !path.startsWith('/api/') && path !== '/metrics')).toBe(true);
  });
});

describe('a key', () => {
  test('is not let in when it is revoked, expired, shortened, or another with the same id', async () => {
    const revoked = await keyFor(['read']);
    await createAccessStore(api.database.pool()).endKey(revoked.id, 0);
    const expired = await keyFor(['read'], { expiresAt: new Date(Date.now() - 1000) });
    const { key } = await keyFor(['read']);
    const forged = `${key.slice(0, 20)}${mintKey().key.slice(20)}`;

    const answers = await Promise.all(
      [revoked.key, expired.key, key.slice(0, -1), forged, 'mrk_', ''].map((one) =>
        ask('/api/v1/jobs', bearer(one)),
      ),
    );

    for (const answer of answers) expectProblem(answer, 401, 'unauthorized');
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  });

  test('is nowhere in the database, only its hash', async () => {
    const { key } = await keyFor(['read']);
    const { rows } = await api.database
      .pool()
      .query<{ row: string }>('select k::text as row from api_keys as k');
    expect(rows.some(({ row }) => row.includes(key.slice(17)))).toBe(false);
  });

  test('with a rate is told to wait beyond it', async () => {
    const { headers } = await keyFor(['read'], { ratePerSecond: 2, name: 'slow' });
    const answers: Answer[] = [];
    for (let count = 0; count < 6; count += 1) answers.push(await ask('/api/v1/types', headers));
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers[0]?.status).toBe(200);
    for (const answer of refused) expectProblem(answer, 429, 'too_many_requests');
    expect(refused.every((answer) => answer.headers.get('retry-after') === '1')).toBe(true);
  });

  test('stands in the audit trail, and what the request says of itself only beside it', async () => {
    const { headers } = await keyFor(['admin'], { name: 'ops' });
    const job = await api.post('/api/v1/jobs', { type: 'noop', payload: {} }, headers);
    await api.post(`/api/v1/jobs/${String(job.json['id'])}/cancel`, { actor: 'key:root' }, headers);
    const { rows } = await api.database
      .pool()
      .query<{ actor: string }>(`select actor from audit_log where job_id = $1 and actor like '%root%'`, [
        job.json['id'],
      ]);
    expect(rows.map(({ actor }) => actor)).toEqual(['key:ops (key:root)']);
  });
});

describe('a token', () => {
  const token = (
    claims: Record<string, unknown> = {},
    options: { audience?: string; exp?: number; alg?: string; kid?: string } = {},
  ) =>
    new SignJWT({ scope: 'millrace:read openid', ...claims })
      .setProtectedHeader({ alg: options.alg ?? 'RS256', kid: options.kid ?? 'one' })
      .setIssuer(ISSUER)
      .setSubject('ada')
      .setAudience(options.audience ?? AUDIENCE)
      .setExpirationTime(options.exp ?? Math.floor(Date.now() / 1000) + 60);

  test('of the issuer is let in with the scopes it holds', async () => {
    const headers = bearer(await token().sign(pair.privateKey));
    expect((await ask('/api/v1/jobs', headers)).status).toBe(200);
    expectProblem(await api.post('/api/v1/jobs', { type: 'noop', payload: {} }, headers), 403, 'forbidden');
  });

  test('that is expired, for others, unsigned, signed by another or with a public key as its secret is not', async () => {
    const secret = new TextEncoder().encode(JSON.stringify(await exportJWK(pair.publicKey)));
    const claims = { scope: 'millrace:admin' };
    const bad = await Promise.all([
      token(claims, { exp: 1_000 }).sign(pair.privateKey),
      token(claims, { audience: 'others' }).sign(pair.privateKey),
      token(claims).setIssuer('https://elsewhere.test').sign(pair.privateKey),
      token(claims).sign(strange.privateKey),
      token(claims, { kid: '../../dev/null' }).sign(pair.privateKey),
      token(claims, { alg: 'HS256' }).sign(secret),
      new UnsecuredJWT(claims)
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setSubject('ada')
        .setExpirationTime('1h')
        .encode(),
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'RS256', kid: 'one' })
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .sign(pair.privateKey),
    ]);
    for (const one of [...bad, 'a.b.c', '..'])
      expectProblem(await ask('/api/v1/jobs', bearer(one)), 401, 'unauthorized');
  });
});

describe('a session of the web UI', () => {
  async function logIn(scopes: readonly string[]) {
    const { key, id } = await keyFor(scopes);
    const answer = await api.post('/ui/session', { key });
    expect(answer.status).toBe(204);
    const set = answer.headers.get('set-cookie') ?? '';
    return { id, set, cookie: set.split(';')[0] ?? '' };
  }

  test('is opened by a key, and its cookie is not for scripts nor for other sites', async () => {
    const { set, cookie } = await logIn(['read']);
    expect(set).toMatch(/; HttpOnly; SameSite=Strict; Path=\/; Max-Age=43200$/);
    expect((await ask('/api/v1/jobs', { cookie })).status).toBe(200);
    expect((await ask('/ui/session', { cookie })).json).toEqual({
      asked: true,
      name: 'key:read',
      scopes: ['read'],
    });
    expectProblem(await api.post('/ui/session', { key: 'mrk_none' }), 401, 'unauthorized');
  });

  test('changes nothing on behalf of another site', async () => {
    const { cookie } = await logIn(['enqueue']);
    const send = (headers: Record<string, string>) =>
      api.post('/api/v1/jobs', { type: 'noop', payload: {} }, { cookie, ...headers });
    expectProblem(await send({}), 403, 'forbidden');
    expectProblem(await send({ 'sec-fetch-site': 'cross-site' }), 403, 'forbidden');
    expectProblem(await send({ 'sec-fetch-site': 'same-site' }), 403, 'forbidden');
    expectProblem(await send({ origin: 'https://evil.test' }), 403, 'forbidden');
    expect((await send({ 'sec-fetch-site': 'same-origin' })).status).toBe(201);
    expect((await send({ origin: api.url })).status).toBe(201);
  });

  test('ends when it is closed, and with its key', async () => {
    const one = await logIn(['read']);
    const closed = await api.raw({ method: 'DELETE', path: '/ui/session', headers: { cookie: one.cookie } });
    expect(closed.headers.get('set-cookie')).toContain('Max-Age=0');
    expectProblem(await ask('/api/v1/jobs', { cookie: one.cookie }), 401, 'unauthorized');

    const other = await logIn(['read']);
    await createAccessStore(api.database.pool()).endKey(other.id, 0);
    expectProblem(await ask('/api/v1/jobs', { cookie: other.cookie }), 401, 'unauthorized');
  });

  test('is asked for before the stream of ticks is opened', async () => {
    expect((await ask('/ui/events')).status).toBe(401);
  });
});
