import { MillraceError } from './errors.ts';
import type { ConcurrencyLimit, JobLimits, RateLimit } from './limits.ts';
import type { UniqueRule } from './unique.ts';

/** Which jobs of a type belong together: all of them, or those with the same value in their payload. */
export interface KeyOf {
  /** The first part of the key; the type unless given. With a name of its own, several types share one limit. */
  readonly key?: string | undefined;
  /** Where in the payload the rest of the key stands, as a path: `customer.id`. A text or a number; without one, none. */
  readonly by?: string | undefined;
}

/** What holds for every job of a type whose request does not say otherwise. Stored and sent as it stands here. */
export interface JobPolicy {
  readonly concurrency?: (KeyOf & Omit<ConcurrencyLimit, 'key'>) | undefined;
  readonly rate?: (KeyOf & Omit<RateLimit, 'key'>) | undefined;
  /** Of jobs with the same key one is open at a time; while there is one, another is dropped. */
  readonly unique?: KeyOf | undefined;
}

interface Governed {
  readonly type: string;
  /** JSON text. */
  readonly payload: string;
  readonly idempotencyKey?: string | undefined;
  readonly unique?: UniqueRule | undefined;
  readonly limits?: JobLimits | undefined;
}

/** The longest value of a payload that can be part of a key, in characters. */
const MAX_VALUE = 200;

/** The limits of a request, each its own or that of its type; `millrace.enqueue` does the same in SQL. */
export function limitsOf(request: Governed, policy: JobPolicy): JobLimits | undefined {
  const { concurrency: jobs, rate: starts } = policy;
  const concurrency =
    request.limits?.concurrency ?? (jobs && { key: keyOf(request, jobs), limit: jobs.limit });
  const rate =
    request.limits?.rate ??
    (starts && { key: keyOf(request, starts), limit: starts.limit, per_seconds: starts.per_seconds });
  if (!concurrency && !rate) return undefined;
  return { ...(concurrency && { concurrency }), ...(rate && { rate }) };
}

export function uniqueOf(request: Governed, { unique }: JobPolicy): UniqueRule | undefined {
  return request.unique ?? (unique && { key: keyOf(request, unique), mode: 'drop' });
}

function keyOf({ type, payload }: Governed, { key = type, by }: KeyOf): string {
  const value = by === undefined ? undefined : valueAt(JSON.parse(payload), by);
  if (value === undefined) return key;
  if (value.length <= MAX_VALUE) return `${key}:${value}`;
  throw new MillraceError(
    'invalid_request',
    `"${by}" in the payload is part of a key of job type "${type}", so it may have ${MAX_VALUE} characters. Nothing was written.`,
    { detail: { errors: [{ field: 'payload', message: `"${by}" is too long for a key` }] } },
  );
}

function valueAt(payload: unknown, path: string): string | undefined {
  let at = payload;
  for (const name of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[name];
  }
  return typeof at === 'string' || typeof at === 'number' ? String(at) : undefined;
}

const bounds = { limit: 10_000, per_seconds: 86_400 } as const;
const members = {
  concurrency: ['key', 'by', 'limit'],
  rate: ['key', 'by', 'limit', 'per_seconds'],
  unique: ['key', 'by'],
} as const satisfies Record<keyof JobPolicy, readonly string[]>;

/** What is wrong with it, or undefined: it comes from a file that types may not have looked at. */
export function policyFault(policy: object): string | undefined {
  for (const [name, rule] of Object.entries(policy)) {
    if (rule === undefined) continue;
    const known = Object.hasOwn(members, name) ? members[name as keyof JobPolicy] : undefined;
    if (!known) return `"${name}" is none of ${Object.keys(members).join(', ')}`;
    if (typeof rule !== 'object' || rule === null) return `"${name}" must be an object`;
    const given = rule as Readonly<Record<string, unknown>>;
    const stranger = Object.keys(given).find((member) => !known.some((one) => one === member));
    if (stranger !== undefined) return `"${name}" may have ${known.join(', ')}, not "${stranger}"`;
    for (const member of known) {
      const fault = memberFault(member, given[member]);
      if (fault) return `"${name}.${member}" must be ${fault}`;
    }
  }
  return undefined;
}

function memberFault(member: 'key' | 'by' | keyof typeof bounds, value: unknown): string | undefined {
  if (member === 'key' || member === 'by') {
    const isText = typeof value === 'string' && value.length >= 1 && value.length <= 50;
    return value === undefined || isText ? undefined : 'a text of 1 to 50 characters';
  }
  const isCount = Number.isInteger(value) && Number(value) >= 1 && Number(value) <= bounds[member];
  return isCount ? undefined : `a whole number from 1 to ${bounds[member]}`;
}
