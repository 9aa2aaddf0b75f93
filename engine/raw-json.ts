/**
 * Slices of JSON text, so that payloads and results go through byte for byte: parsing and printing would lose numbers
 * beyond 2^53, the order of integer-like keys and repeated keys. All of it is linear in the text, and all but
 * {@link nestsDeeperThan} expects text that JSON.parse has accepted.
 */

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Deeper JSON is refused: PostgreSQL and most parsers of other languages go down recursively. */
export const MAX_DEPTH = 100;

/** Whether arrays and objects nest deeper than `limit`. Takes any text, valid or not. */
export function nestsDeeperThan(text: string, limit = MAX_DEPTH): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at) - 1;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth += 1;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth -= 1;
    if (depth > limit) return true;
  }
  return false;
}

/** The text of each member's value of a JSON object, by its key; of a repeated key the last, as JSON.parse does. */
export function rawMembers(object: string): Map<string, string> {
  const members = new Map<string, string>();
  let at = skipBlank(object, skipBlank(object, 0) + 1);
  while (object.charCodeAt(at) === QUOTE) {
    const keyEnd = endOfString(object, at);
    const key = decodeKey(object.slice(at, keyEnd));
    const start = skipBlank(object, skipBlank(object, keyEnd) + 1);
    const end = endOfValue(object, start);
    members.set(key, object.slice(start, end));
    at = nextEntry(object, end);
  }
  return members;
}

/** The text of each element of a JSON array. */
export function rawElements(array: string): string[] {
  const elements: string[] = [];
  let at = skipBlank(array, skipBlank(array, 0) + 1);
  while (at < array.length && array.charCodeAt(at) !== CLOSE_BRACKET) {
    const end = endOfValue(array, at);
    elements.push(array.slice(at, end));
    at = nextEntry(array, end);
  }
  return elements;
}

/**
 * Whether a string or key in the text has an escape that PostgreSQL cannot turn into text: NUL, or half of a surrogate
 * pair. It stores such JSON, but cannot look into it.
 */
export function hasUnstorableEscape(text: string): boolean {
  let high = Number.NaN;
  for (const match of text.matchAll(/\\(?:u([0-9a-fA-F]{4})|.)/g)) {
    const code = match[1] === undefined ? -1 : Number.parseInt(match[1], 16);
    const isLow = code >= 0xdc00 && code <= 0xdfff;
    if (code === 0 || isLow !== (high === match.index - 6)) return true;
    high = code >= 0xd800 && code <= 0xdbff ? match.index : Number.NaN;
    if (!Number.isNaN(high) && !text.startsWith('\\u', high + 6)) return true;
  }
  return false;
}

function decodeKey(literal: string): string {
  return literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1);
}

/** After the value's end: the next entry's start, or the closing bracket. */
function nextEntry(text: string, end: number): number {
  const at = skipBlank(text, end);
  return text.charCodeAt(at) === COMMA ? skipBlank(text, at + 1) : at;
}

function endOfValue(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === QUOTE) return endOfString(text, start);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return endOfNested(text, start);
  let at = start;
  while (at < text.length && !endsScalar(text.charCodeAt(at))) at += 1;
  return at;
}

function endOfNested(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at) - 1;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth += 1;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth -= 1;
    if (depth === 0) return at + 1;
  }
  return text.length;
}

/** `start` is at the opening quote. A quote ends the string unless an odd number of backslashes stands before it. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let slashes = 0;
    while (text.charCodeAt(quote - 1 - slashes) === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return quote + 1;
  }
  return text.length;
}

function endsScalar(code: number): boolean {
  return code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET || isBlank(code);
}

function skipBlank(text: string, start: number): number {
  let at = start;
  while (isBlank(text.charCodeAt(at))) at += 1;
  return at;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
