import { limits } from '../deps.ts';
import { hasUnstorableEscape, nestsDeeperThan, rawMembers } from '../raw-json.ts';

/**
 * What the steps of an instance know, by name. Values are JSON text: parsing them would lose numbers beyond 2^53, the
 * order of keys and repeated keys.
 */
export type Variables = ReadonlyMap<string, string>;

export const noVariables: Variables = new Map();

/** Names that are no data in JavaScript: whoever turned them into an object would change what all objects inherit. */
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype']);
const PROTO_KEY = /"(?:_|\\u005[fF]){2}proto(?:_|\\u005[fF]){2}"\s*:/;

/** The members of a JSON object that has been checked before. */
export function readVariables(text: string): Variables {
  return rawMembers(text);
}

export function writeVariables(variables: Variables): string {
  return `{${[...variables].map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`;
}

/** Shallow: a name that comes again has its value replaced, also by null. Nothing is ever removed. */
export function mergeVariables(variables: Variables, added: Variables): Variables {
  return added.size === 0 ? variables : new Map([...variables, ...added]);
}

/** Why these cannot be an instance's variables; undefined when they can. */
export function variablesFault(variables: Variables): string | undefined {
  let bytes = 2;
  for (const [name, value] of variables) {
    if (FORBIDDEN.has(name)) return `A variable cannot be named "${name}". Choose another name.`;
    if (PROTO_KEY.test(value)) return `Variable "${name}" has a key "__proto__" in it. Rename the key.`;
    if (hasUnstorableEscape(JSON.stringify(name)) || hasUnstorableEscape(value)) {
      return `Variable "${name}" holds NUL or half of a surrogate pair, which the database cannot store. Remove it.`;
    }
    if (nestsDeeperThan(value)) {
      return `Variable "${name}" nests too deeply. Arrays and objects may nest 100 levels.`;
    }
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + 4;
  }
  if (bytes <= limits.payloadBytes) return undefined;
  return (
    `The variables would be larger than ${limits.payloadBytes / 1024} KB. ` +
    'Put large data elsewhere and keep where it is.'
  );
}

/** Whether the text is a JSON object; it has been accepted by JSON.parse before. */
export function isObjectText(text: string): boolean {
  return text.trimStart().startsWith('{');
}
