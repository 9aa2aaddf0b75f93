import { rawElements, rawMembers } from '../raw-json.ts';
import { operate } from './expression-operators.ts';
import { ExpressionError, type Node, parseExpression } from './expression-syntax.ts';
import { asText, fromText, isContainer, type Value } from './expression-values.ts';
import type { Variables } from './variables.ts';

/**
 * Expressions over an instance's variables. Parsed by jsep; evaluated here, without code execution, loops or access to
 * anything but the variables, so that what an expression costs is bounded by its length and the size of what it reads.
 */
export interface Expression {
  readonly text: string;
  readonly root: Node;
  /** All variables it names: one that is not there is a fault, even where it would not have been looked at. */
  readonly names: ReadonlySet<string>;
}

export interface Scope {
  readonly variables: Variables;
  readonly now: Date;
}

/** @throws ExpressionError when it is no expression */
export function compile(text: string): Expression {
  const root = parseExpression(text);
  const names = new Set<string>();
  collectNames(root, names);
  return { text, root, names };
}

/** What is wrong with the text as an expression; undefined when nothing is. */
export function syntaxFault(text: string): string | undefined {
  try {
    parseExpression(text);
    return undefined;
  } catch (error) {
    if (error instanceof ExpressionError) return error.message;
    throw error;
  }
}

/** @throws ExpressionError when it fails, or is not a boolean */
export function evaluateCondition(expression: Expression, scope: Scope): boolean {
  const value = new Evaluation(scope).of(expression);
  if (typeof value === 'boolean') return value;
  throw new ExpressionError(`expression "${expression.text}": result is ${typeName(value)}, not bool`);
}

/** The value as JSON text; of a mere path, exactly as it stands in the variables. @throws ExpressionError when it fails */
export function evaluateJson(expression: Expression, scope: Scope): string {
  return asText(new Evaluation(scope).of(expression));
}

/** Characters of variables that one evaluation may walk through. */
const MAX_WALK = 16 * 1024 * 1024;

class Evaluation {
  readonly #scope: Scope;
  #walked = 0;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  of({ text, root, names }: Expression): Value {
    for (const name of names) {
      if (!this.#scope.variables.has(name)) throw new ExpressionError(`undefined variable "${name}"`);
    }
    try {
      return this.#value(root);
    } catch (error) {
      if (error instanceof ExpressionError) {
        throw new ExpressionError(`expression "${text}": ${error.message}`);
      }
      throw error;
    }
  }

  #value(node: Node): Value {
    switch (node.kind) {
      case 'literal':
        return node.value;
      case 'variable':
        return fromText(this.#scope.variables.get(node.name) ?? 'null');
      case 'member':
        return this.#member(node);
      case 'list':
        return node.items.map((item) => this.#value(item));
      case 'choice':
        return this.#value(this.#truth(node.test) ? node.yes : node.no);
      case 'binary':
        return this.#binary(node);
      case 'unary':
        return operate(node.operator, [this.#value(node.of)], this.#context);
      case 'call':
        return operate(
          node.name,
          node.args.map((arg) => this.#value(arg)),
          this.#context,
        );
      default:
        return node satisfies never;
    }
  }

  #binary(node: Extract<Node, { kind: 'binary' }>): Value {
    switch (node.operator) {
      case '&&':
      case 'and':
        return this.#truth(node.left) && this.#truth(node.right);
      case '||':
      case 'or':
        return this.#truth(node.left) || this.#truth(node.right);
      case '??':
        return this.#value(node.left) ?? this.#value(node.right);
      default:
        return operate(
          `binary ${node.operator}`,
          [this.#value(node.left), this.#value(node.right)],
          this.#context,
        );
    }
  }

  #truth(node: Node): boolean {
    const value = this.#value(node);
    if (typeof value === 'boolean') return value;
    throw new ExpressionError(`${typeName(value)} where true or false is needed`);
  }

  #member(node: Extract<Node, { kind: 'member' }>): Value {
    const container = this.#value(node.of);
    if (container === null && node.optional) return null;
    const key = this.#value(node.key);
    if (Array.isArray(container)) return at(container, key);
    if (isContainer(container)) {
      this.#walk(container.text);
      if (container.text.startsWith('[')) return at(rawElements(container.text).map(fromText), key);
      if (typeof key !== 'string') throw new ExpressionError(`a key must be a string, not ${typeName(key)}`);
      const member = rawMembers(container.text).get(key);
      return member === undefined ? null : fromText(member);
    }
    throw new ExpressionError(`cannot take ${asText(key)} of ${typeName(container)}`);
  }

  readonly #context = {
    now: (): Date => this.#scope.now,
    members: (text: string): Map<string, string> => {
      this.#walk(text);
      return rawMembers(text);
    },
    elements: (text: string): Value[] => {
      this.#walk(text);
      return rawElements(text).map(fromText);
    },
  };

  #walk(text: string): void {
    this.#walked += text.length;
    if (this.#walked > MAX_WALK)
      throw new ExpressionError('reads too much: shorten it, or keep less in the variables');
  }
}

function at(list: readonly Value[], key: Value): Value {
  if (typeof key !== 'number' || !Number.isInteger(key)) {
    throw new ExpressionError(`an index must be a whole number, not ${asText(key)}`);
  }
  const value = list[key < 0 ? list.length + key : key];
  if (value === undefined) throw new ExpressionError(`index ${key} is out of the list of ${list.length}`);
  return value;
}

export function typeName(value: Value): string {
  if (value === null) return 'nil';
  if (Array.isArray(value)) return 'array';
  if (isContainer(value)) return value.text.startsWith('[') ? 'array' : 'map';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'string' ? 'string' : 'number';
}

function collectNames(node: Node, names: Set<string>): void {
  switch (node.kind) {
    case 'literal':
      return;
    case 'variable':
      names.add(node.name);
      return;
    case 'member':
      collectNames(node.of, names);
      collectNames(node.key, names);
      return;
    case 'list':
      for (const item of node.items) collectNames(item, names);
      return;
    case 'call':
      for (const arg of node.args) collectNames(arg, names);
      return;
    case 'unary':
      collectNames(node.of, names);
      return;
    case 'binary':
      collectNames(node.left, names);
      collectNames(node.right, names);
      return;
    case 'choice':
      for (const child of [node.test, node.yes, node.no]) collectNames(child, names);
      return;
    default:
      node satisfies never;
  }
}
