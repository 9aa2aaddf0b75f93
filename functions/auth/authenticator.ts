import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { AccessStore, StoredKey } from '../../adapters/postgres/access.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import { hashOf, keyIdOf } from './api-key.ts';
import type { JwtVerifier } from './jwt.ts';
import { isScope, type Principal } from './scopes.ts';

export interface Credentials {
  /** Of `Authorization: Bearer …`. */
  readonly bearer: string | undefined;
  /** Of the session's cookie. */
  readonly session: string | undefined;
}

export interface Authenticator {
  /** Who it is; undefined for nobody. A key that was revoked is let in for at most 30 s more. */
  principalOf(credentials: Credentials): Promise<Principal | undefined>;
  /** Opens a session of the UI for a key. Undefined for a key that is not let in. */
  logIn(key: string): Promise<{ readonly token: string; readonly seconds: number } | undefined>;
  logOut(token: string): Promise<void>;
}

const REMEMBERED_MS = 30_000;
const MAX_REMEMBERED = 1_000;
/** Longer ones are not looked at. */
const MAX_CREDENTIAL = 8_192;
const SESSION_SECONDS = 12 * 3_600;
const NO_HASH = Buffer.alloc(32);

interface Options {
  readonly store: AccessStore;
  readonly verifyJwt: JwtVerifier | undefined;
  readonly clock: Clock;
}

type Found = { readonly principal: Principal; readonly until: Date | null };

/** Remembers who was let in, under the hash of the whole credential, so that most requests ask no database. */
export function createAuthenticator({ store, verifyJwt, clock }: Options): Authenticator {
  const remembered = new Map<string, { principal: Principal; until: number }>();

  async function recall(credential: string, find: () => Promise<Found | undefined>) {
    if (credential.length > MAX_CREDENTIAL) return undefined;
    const place = hashOf(credential).toString('base64');
    const now = clock.now().getTime();
    const known = remembered.get(place);
    if (known && known.until > now) return known.principal;
    remembered.delete(place);
    const found = await find();
    if (!found) return undefined;
    const until = Math.min(found.until?.getTime() ?? Number.POSITIVE_INFINITY, now + REMEMBERED_MS);
    if (until <= now) return undefined;
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(place, { principal: found.principal, until });
    return found.principal;
  }

  async function ofKey(key: string): Promise<Found | undefined> {
    const row = await store.findKey(keyIdOf(key) ?? '');
    // Compared also where there is no such key, so that the time tells nothing of which there are.
    const isSame = timingSafeEqual(hashOf(key), row?.hash ?? NO_HASH);
    return row && isSame ? found(row) : undefined;
  }

  async function ofSession(token: string): Promise<Found | undefined> {
    const row = await store.findSession(hashOf(token));
    if (!row || row.session_expires_at <= clock.now()) return undefined;
    const key = found(row);
    return key && { ...key, principal: { ...key.principal, isBrowser: true } };
  }

  function ofBearer(bearer: string): Promise<Found | undefined> {
    if (keyIdOf(bearer) !== undefined) return ofKey(bearer);
    return verifyJwt ? verifyJwt(bearer) : Promise.resolve(undefined);
  }

  return {
    // What was sent on purpose goes before what a browser sends by itself; and a wrong key is not made good by a cookie.
    async principalOf({ bearer, session }) {
      if (bearer !== undefined) return recall(bearer, () => ofBearer(bearer));
      return session === undefined ? undefined : recall(`session ${session}`, () => ofSession(session));
    },
    async logIn(key) {
      const id = keyIdOf(key);
      if (id === undefined || !(await ofKey(key))) return undefined;
      const token = randomBytes(32).toString('base64url');
      await store.openSession({ hash: hashOf(token), keyId: id, seconds: SESSION_SECONDS });
      return { token, seconds: SESSION_SECONDS };
    },
    async logOut(token) {
      remembered.delete(hashOf(`session ${token}`).toString('base64'));
      await store.closeSession(hashOf(token));
    },
  };

  function found(row: StoredKey): Found | undefined {
    const now = clock.now();
    if (row.revoked_at !== null || (row.expires_at !== null && row.expires_at <= now)) return undefined;
    const principal = {
      name: `key:${row.name}`,
      scopes: new Set(row.scopes.filter(isScope)),
      tenant: row.tenant ?? undefined,
      ratePerSecond: row.rate_per_second ?? undefined,
    };
    return { principal, until: row.expires_at };
  }
}
