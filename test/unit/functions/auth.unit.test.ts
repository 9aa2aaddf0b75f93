import { describe, expect, test } from 'vitest';
import type { AccessStore, StoredKey } from '../../../adapters/postgres/access.ts';
import { mintKey } from '../../../functions/auth/api-key.ts';
import { createAuthenticator } from '../../../functions/auth/authenticator.ts';
import { Rates } from '../../../functions/auth/rates.ts';

class Time {
  ms = Date.parse('2026-01-01T00:00:00Z');
  now = () => new Date(this.ms);
  sleep = () => Promise.resolve();
}

function memory(rows: readonly StoredKey[]): AccessStore & { asked: number } {
  const store = {
    asked: 0,
    addKey: async () => undefined,
    findKey: async (id: string) => {
      store.asked += 1;
      return rows.find((row) => row.id === id);
    },
    listKeys: async () => [...rows],
    endKey: async () => undefined,
    openSession: async () => undefined,
    findSession: async () => undefined,
    closeSession: async () => undefined,
  };
  return store;
}

function stored(more: Partial<StoredKey> = {}): { row: StoredKey; key: string } {
  const { id, key, hash } = mintKey();
  const none = { rate_per_second: null, tenant: null, expires_at: null, revoked_at: null };
  const fields = { name: 'one', scopes: ['read'], ...none };
  return { key, row: { id, hash, ...fields, created_at: new Date(0), ...more } };
}

describe('an authenticator', () => {
  test('asks once in 30 s for a key, and then sees that it was revoked', async () => {
    const { key, row } = stored();
    const clock = new Time();
    const store = memory([row]);
    const { principalOf } = createAuthenticator({ store, verifyJwt: undefined, clock });
    const ask = () => principalOf({ bearer: key, session: undefined });

    expect((await ask())?.name).toBe('key:one');
    row.revoked_at = clock.now();
    clock.ms += 29_999;
    expect((await ask())?.name).toBe('key:one');
    expect(store.asked).toBe(1);
    clock.ms += 1;
    expect(await ask()).toBeUndefined();
  });

  test('remembers a key no longer than it lasts', async () => {
    const clock = new Time();
    const { key, row } = stored({ expires_at: new Date(clock.ms + 1_000) });
    const { principalOf } = createAuthenticator({ store: memory([row]), verifyJwt: undefined, clock });
    expect(await principalOf({ bearer: key, session: undefined })).toBeDefined();
    clock.ms += 1_000;
    expect(await principalOf({ bearer: key, session: undefined })).toBeUndefined();
  });

  test('does not make a wrong key good by a session', async () => {
    const store = memory([]);
    const { row } = stored();
    store.findSession = async () => ({ ...row, session_expires_at: new Date('2027-01-01') });
    const { principalOf } = createAuthenticator({ store, verifyJwt: undefined, clock: new Time() });
    expect(await principalOf({ bearer: undefined, session: 'x' })).toMatchObject({ isBrowser: true });
    expect(await principalOf({ bearer: mintKey().key, session: 'x' })).toBeUndefined();
  });
});

test('a rate lets a second of requests through at once, and then so many a second', () => {
  const clock = new Time();
  const rates = new Rates(clock);
  const who = { name: 'key:one', scopes: new Set<never>(), ratePerSecond: 2 };
  const take = () => [rates.take(who), rates.take(who), rates.take(who)];
  expect(take()).toEqual([true, true, false]);
  clock.ms += 500;
  expect(take()).toEqual([true, false, false]);
});
