import jsep from 'jsep';

/** A parsed expression, narrowed to what may stand in one. */
export type Node =
  | { readonly kind: 'literal'; readonly value: string | number | bigint | boolean | null }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'member'; readonly of: Node; readonly key: Node; readonly optional: boolean }
  | { readonly kind: 'list'; readonly items: readonly Node[] }
  | { readonly kind: 'call'; readonly name: FunctionName; readonly args: readonly Node[] }
  | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly of: Node }
  | { readonly kind: 'binary'; readonly operator: BinaryOperator; readonly left: Node; readonly right: Node }
  | { readonly kind: 'choice'; readonly test: Node; readonly yes: Node; readonly no: Node };

/** By name, with how many arguments each takes. */
export const functions = {
  len: 1,
  contains: 2,
  now: 0,
  upper: 1,
  lower: 1,
  trim: 1,
  abs: 1,
  floor: 1,
  ceil: 1,
  round: 1,
  int: 1,
  float: 1,
  string: 1,
} as const;
export type FunctionName = keyof typeof functions;

const unaryOperators = ['!', 'not', '-', '+'] as const;
export type UnaryOperator = (typeof unaryOperators)[number];

/** By name, with how tightly each binds. */
const binaryOperators = {
  '||': 1,
  or: 1,
  '&&': 2,
  and: 2,
  '==': 6,
  '!=': 6,
  '<': 7,
  '>': 7,
  '<=': 7,
  '>=': 7,
  in: 7,
  'not in': 7,
  contains: 7,
  startsWith: 7,
  endsWith: 7,
  '+': 9,
  '-': 9,
  '*': 10,
  '/': 10,
  '%': 10,
  '**': 11,
  '??': 12,
} as const;
export type BinaryOperator = keyof typeof binaryOperators;

/** Longer text is not an expression but a program; the parser goes down recursively. */
const MAX_LENGTH = 4096;
const MAX_DEPTH = 64;

// The parser's tables are the package's own, so they are set once, for this only user of it.
jsep.removeAllBinaryOps();
jsep.removeAllUnaryOps();
for (const [operator, precedence] of Object.entries(binaryOperators)) {
  jsep.addBinaryOp(operator, precedence, operator === '**');
}
for (const operator of unaryOperators) jsep.addUnaryOp(operator);
jsep.addLiteral('nil', null);

/** @throws ExpressionError when the text is no expression, saying why */
export function parseExpression(text: string): Node {
  if (text.length > MAX_LENGTH) throw new ExpressionError(`is longer than ${MAX_LENGTH} characters`);
  const source = withoutMarks(text).trim();
  if (source === '') throw new ExpressionError('is empty');
  let parsed: jsep.Expression;
  try {
    parsed = jsep(source);
  } catch (error) {
    throw new ExpressionError(error instanceof Error ? error.message : String(error));
  }
  return narrow(parsed as jsep.CoreExpression, 1);
}

/** What is wrong with an expression, or with what it was given. Values in it may be large, so it is cut. */
export class ExpressionError extends Error {
  constructor(message: string) {
    super(message.length > 1000 ? `${message.slice(0, 1000)}…` : message);
  }
}

/** `${x}` and `#x` are other ways to write the variable `x`; not so inside quotes. */
function withoutMarks(text: string): string {
  return text.replace(
    /("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|\$\{([^{}"']*)\}|#(?=[A-Za-z_])/g,
    (_, quoted: string | undefined, inner: string | undefined) =>
      quoted ?? (inner === undefined ? '' : `(${inner})`),
  );
}

function narrow(node: jsep.CoreExpression, depth: number): Node {
  if (depth > MAX_DEPTH) throw new ExpressionError(`nests deeper than ${MAX_DEPTH} levels`);
  const next = (child: unknown): Node => narrow(child as jsep.CoreExpression, depth + 1);
  switch (node.type) {
    case 'Literal':
      return literal(node as jsep.Literal);
    case 'Identifier':
      return { kind: 'variable', name: (node as jsep.Identifier).name };
    case 'MemberExpression': {
      const { object, property, computed, optional = false } = node as jsep.MemberExpression;
      const key: Node = computed
        ? next(property)
        : { kind: 'literal', value: (property as jsep.Identifier).name };
      return { kind: 'member', of: next(object), key, optional };
    }
    case 'ArrayExpression': {
      const { elements } = node as jsep.ArrayExpression;
      return {
        kind: 'list',
        items: elements.map((element) => next(element ?? { type: 'Literal', value: null })),
      };
    }
    case 'CallExpression': {
      const { callee, arguments: args } = node as jsep.CallExpression;
      return { kind: 'call', name: functionName(callee, args.length), args: args.map(next) };
    }
    case 'UnaryExpression': {
      const { operator, argument } = node as jsep.UnaryExpression;
      return { kind: 'unary', operator: operator as UnaryOperator, of: next(argument) };
    }
    case 'BinaryExpression': {
      const { operator, left, right } = node as jsep.BinaryExpression;
      return {
        kind: 'binary',
        operator: operator as BinaryOperator,
        left: next(left),
        right: next(right),
      };
    }
    case 'ConditionalExpression': {
      const { test, consequent, alternate } = node as jsep.ConditionalExpression;
      return { kind: 'choice', test: next(test), yes: next(consequent), no: next(alternate) };
    }
    default:
      throw new ExpressionError('is more than one expression: join the parts with an operator');
  }
}

function literal({ value, raw }: jsep.Literal): Node {
  if (typeof value === 'number' && /^\d+$/.test(raw) && !Number.isSafeInteger(value)) {
    return { kind: 'literal', value: BigInt(raw) };
  }
  if (value === null || value === undefined) return { kind: 'literal', value: null };
  if (typeof value === 'object') throw new ExpressionError('has a regular expression in it');
  return { kind: 'literal', value };
}

function functionName(callee: jsep.Expression, count: number): FunctionName {
  const name = callee.type === 'Identifier' ? String(callee.name) : undefined;
  if (name === undefined || !Object.hasOwn(functions, name)) {
    throw new ExpressionError(
      `calls ${name === undefined ? 'something that is no function' : `"${name}"`}: there are ${Object.keys(functions).join(', ')}`,
    );
  }
  const known = name as FunctionName;
  if (functions[known] !== count) {
    throw new ExpressionError(`"${name}" takes ${functions[known]} arguments, got ${count}`);
  }
  return known;
}
