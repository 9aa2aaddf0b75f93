/** What an expression computes with. An object or array out of the variables stays the text it is until it is looked into. */
export type Value = null | boolean | number | bigint | string | NumberText | Container | readonly Value[];

/** JSON text of an object or array. */
export interface Container {
  readonly kind: 'container';
  readonly text: string;
}

/** A number as it was written, which JavaScript would print otherwise: 1.10, 1e3. */
export interface NumberText {
  readonly kind: 'number';
  readonly text: string;
}

export function isContainer(value: Value): value is Container {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'container';
}

/** The value of one JSON text. */
export function fromText(text: string): Value {
  const first = text.trimStart().charAt(0);
  if (first === '{' || first === '[') return { kind: 'container', text: text.trim() };
  if (first === '-' || (first >= '0' && first <= '9')) return { kind: 'number', text: text.trim() };
  return JSON.parse(text) as string | boolean | null;
}

/** A number as one that can be compared exactly; undefined for anything else. */
export function asNumber(value: Value): number | bigint | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  if (typeof value !== 'object' || value === null || !('kind' in value) || value.kind !== 'number') {
    return undefined;
  }
  const number = Number(value.text);
  return /^-?\d+$/.test(value.text) && !Number.isSafeInteger(number) ? BigInt(value.text) : number;
}

/** As JSON text. @throws RangeError never: what cannot be JSON is refused where it would come about */
export function asText(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(asText).join(',')}]`;
  if (typeof value === 'object' && value !== null && 'kind' in value) return value.text;
  return typeof value === 'bigint' ? value.toString() : JSON.stringify(value);
}
