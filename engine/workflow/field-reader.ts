import { rawElements, rawMembers } from '../raw-json.ts';
import { ExpressionError } from './expression-syntax.ts';
import { compile, type Expression } from './expressions.ts';

/** Reads the members of one JSON object, and keeps what is wrong with them until it is asked. */
export class FieldReader {
  readonly #members: ReadonlyMap<string, string>;
  readonly #read = new Set<string>();
  readonly #faults: string[] = [];

  constructor(members: ReadonlyMap<string, string>) {
    this.#members = members;
  }

  text(name: string): string | undefined {
    return this.#value(name, 'a string', (value) => (typeof value === 'string' ? value : undefined));
  }

  number(name: string): number | undefined {
    return this.#value(name, 'a number', (value) => (typeof value === 'number' ? value : undefined));
  }

  boolean(name: string): boolean | undefined {
    return this.#value(name, 'true or false', (value) => (typeof value === 'boolean' ? value : undefined));
  }

  /** The JSON texts of a list's elements. */
  list(name: string): string[] | undefined {
    const raw = this.raw(name, '[');
    return raw === undefined ? undefined : rawElements(raw);
  }

  /** The JSON texts of an object's members, in their order. */
  object(name: string): Map<string, string> | undefined {
    const raw = this.raw(name, '{');
    return raw === undefined ? undefined : rawMembers(raw);
  }

  /** JSON text that begins with this bracket. */
  raw(name: string, bracket: '{' | '['): string | undefined {
    this.#read.add(name);
    const raw = this.#members.get(name);
    if (raw === undefined || raw === 'null') return undefined;
    if (raw.startsWith(bracket)) return raw;
    this.fault(`${name} must be ${bracket === '{' ? 'an object' : 'a list'}`);
    return undefined;
  }

  expression(name: string, text: string): Expression | undefined {
    try {
      return compile(text);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      this.fault(`${name}: expression "${text}": ${error.message}`);
      return undefined;
    }
  }

  /** A reader of an object inside this one, to be given back with {@link adopt}. */
  within(name: string, raw: string): FieldReader | undefined {
    if (raw.startsWith('{')) return new FieldReader(rawMembers(raw));
    this.fault(`${name} must be an object`);
    return undefined;
  }

  adopt(inner: FieldReader, name: string): void {
    for (const fault of inner.finish())
      this.fault(fault.startsWith(':') ? `${name}${fault}` : `${name}.${fault}`);
  }

  fault(message: string): void {
    this.#faults.push(message);
  }

  /** Members that are kept with the definition but mean nothing here. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#read.add(name);
  }

  /** All that was wrong, members that nobody read included: a misspelt one must not be without effect. */
  finish(): string[] {
    const unknown = [...this.#members.keys()].filter((name) => !this.#read.has(name));
    return [...this.#faults, ...unknown.map((name) => `unknown field "${name}"`)];
  }

  #value<T>(name: string, what: string, narrow: (value: unknown) => T | undefined): T | undefined {
    this.#read.add(name);
    const raw = this.#members.get(name);
    if (raw === undefined || raw === 'null') return undefined;
    const value = narrow(raw.startsWith('{') || raw.startsWith('[') ? undefined : JSON.parse(raw));
    if (value === undefined) this.fault(`${name} must be ${what}`);
    return value;
  }
}
