import * as z from 'zod';
import { credentialsOf, SESSION_COOKIE } from '../../auth/authorize.ts';
import { unauthorized } from '../../auth/refusals.ts';
import { defineEndpoint } from '../endpoint.ts';
import type { HttpEvent } from '../shape.ts';

/** The session of a browser: the web UI trades a key for a cookie that its own code cannot read. */

export const getSession = defineEndpoint(
  { scope: 'public', replies: { 200: { description: 'Who this browser is, if anybody is asked.' } } },
  async ({ event }, app) => {
    const { authenticator } = app();
    const principal = await authenticator?.principalOf(credentialsOf(event));
    return {
      status: 200,
      headers: NO_STORE,
      body: JSON.stringify({
        asked: authenticator !== undefined,
        name: principal?.name ?? null,
        scopes: principal ? [...principal.scopes] : [],
      }),
    };
  },
);

export const logIn = defineEndpoint(
  {
    scope: 'public',
    body: z.strictObject({ key: z.string().min(1).max(200) }),
    bodyLimit: 1024,
    replies: { 204: { description: 'The cookie is set.' }, 401: { description: 'The key is not let in.' } },
  },
  async ({ body, event }, app) => {
    const { authenticator } = app();
    if (!authenticator) return { status: 204, body: '', headers: NO_STORE };
    const session = await authenticator.logIn(body.key);
    if (!session) throw unauthorized();
    return {
      status: 204,
      body: '',
      headers: { ...NO_STORE, 'set-cookie': cookie(event, session.token, session.seconds) },
    };
  },
);

export const logOut = defineEndpoint(
  { scope: 'public', replies: { 204: { description: 'The session has ended.' } } },
  async ({ event }, app) => {
    const { session } = credentialsOf(event);
    if (session !== undefined) await app().authenticator?.logOut(session);
    return { status: 204, body: '', headers: { ...NO_STORE, 'set-cookie': cookie(event, '', 0) } };
  },
);

export const { handler } = getSession;

const NO_STORE = { 'cache-control': 'no-store' };

/** Not for scripts, not for other sites, and not in the clear where it came encrypted. */
function cookie({ headers }: HttpEvent, token: string, seconds: number): string {
  const isTls = headers['x-forwarded-proto'] === 'https';
  return `${SESSION_COOKIE}=${token}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${seconds}${isTls ? '; Secure' : ''}`;
}
