import { type Environment, readList } from '../../adapters/env.ts';
import { MillraceError } from '../../engine/errors.ts';

export interface AuthorizerConfig {
  /** SHA-256 of each key that is let in: two while a key is changed for another. */
  readonly keyHashes: readonly Buffer[];
}

/** Hashes are no secrets, since a key is 256 random bits; so they may stand in a template. */
export function readAuthorizerConfig(env: Environment = process.env): AuthorizerConfig {
  const keyHashes = readList(env, 'WE_API_KEY_HASHES').map((hash) => {
    if (/^[0-9a-f]{64}$/.test(hash)) return Buffer.from(hash, 'hex');
    throw new MillraceError(
      'configuration',
      'WE_API_KEY_HASHES is malformed: each entry must be the SHA-256 of a key, 64 hexadecimal digits in lower case. Make ' +
        'one: openssl rand -hex 32 | tee key.txt | tr -d "\\n" | sha256sum',
      { detail: { variable: 'WE_API_KEY_HASHES' } },
    );
  });
  return Object.freeze({ keyHashes });
}
