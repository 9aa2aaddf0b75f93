import { MillraceError } from '../../../engine/errors.ts';
import { rawMembers } from '../../../engine/raw-json.ts';
import { readVariables, variablesFault } from '../../../engine/workflow/variables.ts';
import { bodyLimits, readJsonBody } from '../request-body.ts';
import type { HttpEvent } from '../shape.ts';

/** The body of a request of the dialect: unknown members are ignored, `null` is as good as absent. */
export class Body {
  readonly text: string;
  readonly #members: ReadonlyMap<string, string>;

  private constructor(text: string) {
    this.text = text;
    this.#members = text.trimStart().startsWith('{') ? rawMembers(text) : new Map();
  }

  /** @throws MillraceError `malformed_json` or `invalid_request` when there is no JSON object */
  static required(event: HttpEvent, limit: number = bodyLimits.batch): Body {
    const { text } = readJsonBody(event, limit);
    if (!text.trimStart().startsWith('{')) throw bad('invalid request body: expected a JSON object');
    return new Body(text);
  }

  /** Without a body, or with `null`, it is an empty object. */
  static optional(event: HttpEvent): Body {
    if (!event.body) return new Body('{}');
    const { value } = readJsonBody(event, bodyLimits.batch);
    return value === null ? new Body('{}') : Body.required(event);
  }

  string(name: string): string {
    const value = this.#value(name);
    if (value === undefined) return '';
    if (typeof value !== 'string') throw wrong(name, 'a string');
    return value;
  }

  integer(name: string): number {
    const value = this.#value(name);
    if (value === undefined) return 0;
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw wrong(name, 'an integer');
    return value;
  }

  boolean(name: string): boolean {
    const value = this.#value(name);
    if (value === undefined) return false;
    if (typeof value !== 'boolean') throw wrong(name, 'a boolean');
    return value;
  }

  strings(name: string): string[] {
    const value = this.#value(name);
    if (value === undefined) return [];
    if (!Array.isArray(value) || !value.every((entry) => typeof entry === 'string')) {
      throw wrong(name, 'a list of strings');
    }
    return value;
  }

  /** JSON text of an object of variables, as it was sent. */
  variables(name = 'variables'): string {
    const raw = this.#members.get(name) ?? 'null';
    return raw === 'null' ? '{}' : asVariables(raw, name);
  }

  #value(name: string): unknown {
    const raw = this.#members.get(name);
    const value: unknown = raw === undefined ? undefined : JSON.parse(raw);
    return value === null ? undefined : value;
  }
}

/** @throws MillraceError `invalid_request` when the text is no object, or, with the reason `unstorable`, holds what cannot be kept */
export function asVariables(text: string, name: string): string {
  if (!text.trimStart().startsWith('{')) throw wrong(name, 'an object');
  const fault = variablesFault(readVariables(text));
  if (fault !== undefined)
    throw new MillraceError('invalid_request', fault, { detail: { reason: 'unstorable' } });
  return text;
}

export function bad(reason: string): MillraceError {
  return new MillraceError('invalid_request', reason);
}

function wrong(name: string, wanted: string): MillraceError {
  return bad(`invalid request body: ${name} must be ${wanted}`);
}
