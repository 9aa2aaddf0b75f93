import { MillraceError } from '../../engine/errors.ts';

/** Reading of JSON from outside: each reader gives the type or says which field is not as documented. */
export type Fields = Readonly<Record<string, unknown>>;

export function asFields(value: unknown, name: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw unexpected(name, 'an object', value);
}

export function asArray(value: unknown, name: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw unexpected(name, 'an array', value);
}

export function asText(value: unknown, name: string): string {
  if (typeof value === 'string') return value;
  throw unexpected(name, 'a string', value);
}

export function asInteger(value: unknown, name: string): number {
  if (Number.isSafeInteger(value)) return Number(value);
  throw unexpected(name, 'a whole number', value);
}

export function asDate(value: unknown, name: string): Date {
  const date = new Date(asText(value, name));
  if (!Number.isNaN(date.getTime())) return date;
  throw unexpected(name, 'a time in ISO 8601', value);
}

/** Absent and null are the same. */
export function orNull<T>(value: unknown, name: string, read: (value: unknown, name: string) => T): T | null {
  return value === undefined || value === null ? null : read(value, name);
}

function unexpected(name: string, wanted: string, value: unknown): MillraceError {
  const found = value === undefined ? 'it is absent' : `it is ${JSON.stringify(value)?.slice(0, 100)}`;
  return new MillraceError(
    'invalid_request',
    `${name} must be ${wanted}, but ${found}. Check that it was sent by a compatible version.`,
    { detail: { field: name } },
  );
}
