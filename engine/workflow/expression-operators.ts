import { limits } from '../deps.ts';
import {
  type BinaryOperator,
  ExpressionError,
  type FunctionName,
  type UnaryOperator,
} from './expression-syntax.ts';
import { asNumber, asText, isContainer, type Value } from './expression-values.ts';

/** What operators need beyond their operands. */
export interface OperatorContext {
  readonly now: () => Date;
  readonly members: (objectText: string) => Map<string, string>;
  readonly elements: (arrayText: string) => readonly Value[];
}

type Operator = UnaryOperator | FunctionName | `binary ${BinaryOperator}`;
type Operands = readonly [Value, Value];
type Operation = (operands: Operands, context: OperatorContext) => Value;

/** @throws ExpressionError when the operands are not what the operator takes */
export function operate(operator: Operator, operands: readonly Value[], context: OperatorContext): Value {
  const operation = operations[operator];
  if (!operation) throw new ExpressionError(`has no operator "${operator}"`);
  return operation([operands[0] ?? null, operands[1] ?? null], context);
}

const operations: Readonly<Partial<Record<Operator, Operation>>> = {
  '!': ([a]) => !bool(a),
  not: ([a]) => !bool(a),
  '-': ([a]) => finite(-number(a)),
  '+': ([a]) => number(a),
  'binary ==': ([a, b]) => equal(a, b),
  'binary !=': ([a, b]) => !equal(a, b),
  'binary <': ([a, b]) => compare(a, b) < 0,
  'binary >': ([a, b]) => compare(a, b) > 0,
  'binary <=': ([a, b]) => compare(a, b) <= 0,
  'binary >=': ([a, b]) => compare(a, b) >= 0,
  'binary in': ([a, b], context) => isIn(a, b, context),
  'binary not in': ([a, b], context) => !isIn(a, b, context),
  'binary contains': ([a, b]) => text(a).includes(text(b)),
  'binary startsWith': ([a, b]) => text(a).startsWith(text(b)),
  'binary endsWith': ([a, b]) => text(a).endsWith(text(b)),
  'binary +': ([a, b]) => (typeof a === 'string' ? joined(a, text(b)) : finite(number(a) + number(b))),
  'binary -': ([a, b]) => finite(number(a) - number(b)),
  'binary *': ([a, b]) => finite(number(a) * number(b)),
  'binary /': ([a, b]) => finite(number(a) / number(b)),
  'binary %': ([a, b]) => finite(number(a) % number(b)),
  'binary **': ([a, b]) => finite(number(a) ** number(b)),
  len: ([a], context) => length(a, context),
  contains: ([list, element], context) =>
    typeof list === 'string' ? list.includes(text(element)) : isIn(element, list, context),
  now: (_, { now }) => `${now().toISOString().slice(0, 19)}Z`,
  upper: ([a]) => text(a).toUpperCase(),
  lower: ([a]) => text(a).toLowerCase(),
  trim: ([a]) => text(a).trim(),
  abs: ([a]) => Math.abs(number(a)),
  floor: ([a]) => Math.floor(number(a)),
  ceil: ([a]) => Math.ceil(number(a)),
  round: ([a]) => Math.round(number(a)),
  int: ([a]) => Math.trunc(typeof a === 'string' ? parsed(a) : number(a)),
  float: ([a]) => (typeof a === 'string' ? parsed(a) : number(a)),
  string: ([a]) => (typeof a === 'string' ? a : asText(a)),
};

function bool(value: Value): boolean {
  if (typeof value === 'boolean') return value;
  throw new ExpressionError(`${asText(value)} is not true or false`);
}

function text(value: Value): string {
  if (typeof value === 'string') return value;
  throw new ExpressionError(`${asText(value)} is not a string`);
}

function number(value: Value): number {
  const found = asNumber(value);
  if (typeof found === 'number') return found;
  if (found === undefined) throw new ExpressionError(`${asText(value)} is not a number`);
  throw new ExpressionError(
    `${found} is beyond 2^53: it can be compared and passed on, but not computed with`,
  );
}

function finite(value: number): number {
  if (Number.isFinite(value)) return value;
  throw new ExpressionError('the result is not a number that JSON can hold');
}

function parsed(value: string): number {
  const result = value.trim() === '' ? Number.NaN : Number(value);
  if (Number.isFinite(result)) return result;
  throw new ExpressionError(`"${value}" is not a number`);
}

function joined(a: string, b: string): string {
  if (a.length + b.length <= limits.payloadBytes) return a + b;
  throw new ExpressionError(`makes a string longer than ${limits.payloadBytes / 1024} KB`);
}

/** Without conversion: a number never equals a string. Objects and arrays are equal when what they hold is. */
function equal(a: Value, b: Value): boolean {
  const [left, right] = [asNumber(a), asNumber(b)];
  // Order compares a number with a bigint by what they stand for; strict equality does not.
  if (left !== undefined && right !== undefined) return !(left < right || left > right);
  if (isComposite(a) && isComposite(b)) return canonical(a) === canonical(b);
  return a === b;
}

function isComposite(value: Value): boolean {
  return Array.isArray(value) || isContainer(value);
}

function canonical(value: Value): string {
  return JSON.stringify(JSON.parse(asText(value)), (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}

function compare(a: Value, b: Value): number {
  const [left, right] = [asNumber(a), asNumber(b)];
  if (left !== undefined && right !== undefined) return left < right ? -1 : left > right ? 1 : 0;
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  throw new ExpressionError(`cannot compare ${asText(a)} with ${asText(b)}`);
}

function isIn(element: Value, list: Value, context: OperatorContext): boolean {
  if (Array.isArray(list)) return list.some((member) => equal(member, element));
  if (!isContainer(list)) throw new ExpressionError(`${asText(list)} is not a list or an object`);
  if (list.text.startsWith('{')) return context.members(list.text).has(text(element));
  return context.elements(list.text).some((member) => equal(member, element));
}

function length(value: Value, context: OperatorContext): number {
  if (typeof value === 'string') return [...value].length;
  if (Array.isArray(value)) return value.length;
  if (!isContainer(value)) throw new ExpressionError(`${asText(value)} has no length`);
  return value.text.startsWith('{') ? context.members(value.text).size : context.elements(value.text).length;
}
