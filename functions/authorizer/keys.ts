import { createHash, timingSafeEqual } from 'node:crypto';

/** Long enough for any key, short enough to cost nothing. */
const MAX_KEY = 512;

/**
 * The number of the hash that a request's key has; undefined when it has none that is let in. Every hash is compared, and
 * each in the same time, so that the time taken tells nothing of them.
 */
export function matchKey(
  headers: Readonly<Record<string, string | undefined>>,
  keyHashes: readonly Buffer[],
): number | undefined {
  const key = keyOf(headers);
  if (key === undefined) return undefined;
  const hash = createHash('sha256').update(key).digest();
  let found: number | undefined;
  for (const [index, known] of keyHashes.entries()) {
    if (timingSafeEqual(hash, known)) found ??= index;
  }
  return found;
}

/** From `Authorization: Bearer …`, as API Gateway passes it: header names in lower case. */
function keyOf(headers: Readonly<Record<string, string | undefined>>): string | undefined {
  const key = /^Bearer ([\w.~+/=-]+)$/i.exec(headers['authorization'] ?? '')?.[1];
  return key === undefined || key.length > MAX_KEY ? undefined : key;
}
