import { createHash, randomBytes } from 'node:crypto';

const KEY = /^mrk_([0-9a-f]{12})_[\w-]{43}$/;

export interface MintedKey {
  readonly id: string;
  /** Shown once, and kept by nobody here. */
  readonly key: string;
  readonly hash: Buffer;
}

/** A key of 256 random bits. It begins with `mrk_`, so that scanners for leaked secrets can know one. */
export function mintKey(): MintedKey {
  const id = randomBytes(6).toString('hex');
  const key = `mrk_${id}_${randomBytes(32).toString('base64url')}`;
  return { id, key, hash: hashOf(key) };
}

/** The part of a key that names it; undefined for what is no key. */
export function keyIdOf(key: string): string | undefined {
  return KEY.exec(key)?.[1];
}

export function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
