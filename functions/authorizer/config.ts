import { type Environment, readList } from '../../adapters/env.ts';
import { MillraceError } from '../../engine/errors.ts';

export interface AuthorizerConfig {
  /** SHA-256 of each key that is let in: two while a key is changed for another. */
  readonly keyHashes: readonly Buffer[];
  /** Of each, what it may do, separated by spaces; undefined for everything. */
  readonly scopes: readonly (string | undefined)[];
}

const KEY = /^([0-9a-f]{64})(?::((?:enqueue|work|read|admin)(?:\+(?:enqueue|work|read|admin))*))?$/;

/** Hashes are no secrets, since a key is 256 random bits; so they may stand in a template. */
export function readAuthorizerConfig(env: Environment = process.env): AuthorizerConfig {
  const keys = readList(env, 'WE_API_KEY_HASHES').map((entry) => {
    const [, hash, scopes] = KEY.exec(entry) ?? [];
    if (hash !== undefined) return { hash: Buffer.from(hash, 'hex'), scopes: scopes?.replaceAll('+', ' ') };
    throw new MillraceError(
      'configuration',
      'WE_API_KEY_HASHES is malformed: each entry must be the SHA-256 of a key, 64 hexadecimal digits in lower case, ' +
        'and after a colon its scopes if it has not all: <hash>:enqueue+read. Make ' +
        'one: openssl rand -hex 32 | tee key.txt | tr -d "\\n" | sha256sum',
      { detail: { variable: 'WE_API_KEY_HASHES' } },
    );
  });
  return Object.freeze({ keyHashes: keys.map(({ hash }) => hash), scopes: keys.map(({ scopes }) => scopes) });
}
