import * as sql from './sql/access.ts';
import type { Database } from './sql/database.ts';
import { translating } from './translating.ts';

export type StoredKey = sql.ApiKeyRow;
export type { NewApiKey } from './sql/access.ts';

/** The keys of the API and the sessions of the UI. Knows hashes, never a key. */
export interface AccessStore {
  addKey(key: sql.NewApiKey): Promise<void>;
  findKey(id: string): Promise<StoredKey | undefined>;
  listKeys(): Promise<StoredKey[]>;
  /** Ends a key after so many milliseconds; 0 revokes it now. Undefined: there is none. */
  endKey(id: string, afterMs: number): Promise<StoredKey | undefined>;
  openSession(session: { hash: Buffer; keyId: string; seconds: number }): Promise<void>;
  /** The key of a session; the session may have ended. */
  findSession(hash: Buffer): Promise<(StoredKey & { readonly session_expires_at: Date }) | undefined>;
  closeSession(hash: Buffer): Promise<void>;
}

export function createAccessStore(database: Database): AccessStore {
  const db = translating(database);
  return {
    addKey: (key) => sql.insertKey(db, key),
    findKey: (id) => sql.selectKey(db, id),
    listKeys: () => sql.selectKeys(db),
    endKey: (id, afterMs) => sql.endKey(db, id, afterMs),
    openSession: (session) => sql.insertSession(db, session),
    findSession: (hash) => sql.selectSessionKey(db, hash),
    closeSession: (hash) => sql.deleteSession(db, hash),
  };
}
