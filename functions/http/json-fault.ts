/** What may stand at a place of a JSON text. */
type Expected = 'value' | 'value or ]' | 'key or }' | 'key' | ':' | ', or ]' | ', or }' | 'the end';

const TOKEN =
  /[ \t\n\r]*(?:([[\]{},:])|("[^"\\\p{Cc}]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\p{Cc}]*)*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null))/uy;

export interface JsonFault {
  /** From 0, in UTF-16 units. */
  readonly position: number;
  readonly line: number;
  readonly column: number;
  readonly expected: string;
}

/**
 * Where text that JSON.parse has refused stops being JSON; the engine's own message names the position only sometimes.
 * Undefined when no fault is found.
 */
export function findJsonFault(text: string): JsonFault | undefined {
  const token = new RegExp(TOKEN);
  const open: string[] = [];
  let expected: Expected = 'value';
  for (;;) {
    const at = token.lastIndex;
    const match = token.exec(text);
    const next: Expected | undefined = match ? follow(expected, match, open) : undefined;
    if (next) {
      expected = next;
      continue;
    }
    const position = at + (/^[ \t\n\r]*/.exec(text.slice(at))?.[0].length ?? 0);
    if (expected === 'the end' && position === text.length) return undefined;
    return describe(text, position, expected);
  }
}

/** What may come after this token, or undefined when it may not stand here. */
function follow(expected: Expected, match: RegExpExecArray, open: string[]): Expected | undefined {
  const [, mark, text, scalar] = match;
  const takesValue = expected === 'value' || expected === 'value or ]';
  if (text !== undefined && (expected === 'key' || expected === 'key or }')) return ':';
  if (text !== undefined || scalar !== undefined) return takesValue ? afterValue(open) : undefined;
  if (mark === ':') return expected === ':' ? 'value' : undefined;
  if (mark === ',' && expected === ', or ]') return 'value';
  if (mark === ',' && expected === ', or }') return 'key';
  if ((mark === '{' || mark === '[') && takesValue) {
    open.push(mark);
    return mark === '{' ? 'key or }' : 'value or ]';
  }
  const closes = (mark === '}' || mark === ']') && expected.endsWith(`or ${mark}`);
  if (!closes) return undefined;
  open.pop();
  return afterValue(open);
}

function afterValue(open: readonly string[]): Expected {
  const innermost = open.at(-1);
  if (innermost === undefined) return 'the end';
  return innermost === '{' ? ', or }' : ', or ]';
}

function describe(text: string, position: number, expected: Expected): JsonFault {
  const before = text.slice(0, position);
  const line = before.split('\n').length;
  return { position, line, column: position - before.lastIndexOf('\n'), expected };
}
