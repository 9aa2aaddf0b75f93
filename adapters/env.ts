import { MillraceError } from '../engine/errors.ts';

/**
 * Reading of environment variables. Only `config.ts` files and `cli/` hand an environment in; every error names the
 * variable and says whether it is absent or malformed.
 */
export type Environment = Readonly<Record<string, string | undefined>>;

export function readString(env: Environment, name: string, fallback?: string): string {
  const value = present(env, name);
  if (value !== undefined) return value;
  if (fallback !== undefined) return fallback;
  throw absent(name);
}

export function readOptional(env: Environment, name: string): string | undefined {
  return present(env, name);
}

export function readInteger(
  env: Environment,
  name: string,
  options: { fallback?: number; min?: number; max?: number } = {},
): number {
  const text = present(env, name);
  if (text === undefined) {
    if (options.fallback !== undefined) return options.fallback;
    throw absent(name);
  }
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = options;
  const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw malformed(name, text, `a whole number from ${min} to ${max}`);
  }
  return value;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration such as `500ms`, `1s`, `2m`, in milliseconds. */
export function readDuration(env: Environment, name: string, fallbackMs?: number): number {
  const text = present(env, name);
  if (text === undefined) {
    if (fallbackMs !== undefined) return fallbackMs;
    throw absent(name);
  }
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  const unit = UNIT_MS[match?.[2] ?? ''];
  if (!match || unit === undefined) throw malformed(name, text, 'a duration such as 500ms, 1s or 2m');
  return Number(match[1]) * unit;
}

const UNIT_BYTES: Readonly<Record<string, number>> = { MB: 2 ** 20, GB: 2 ** 30, TB: 2 ** 40 };

/** A size as PostgreSQL writes them, such as `512MB` or `10GB`, in bytes; undefined when it is not set. */
export function readBytes(env: Environment, name: string): number | undefined {
  const text = present(env, name);
  if (text === undefined) return undefined;
  const match = /^([1-9]\d{0,6})(MB|GB|TB)$/.exec(text);
  const unit = UNIT_BYTES[match?.[2] ?? ''];
  if (!match || unit === undefined) throw malformed(name, text, 'a size such as 512MB or 10GB');
  return Number(match[1]) * unit;
}

export function readChoice<const T extends string>(
  env: Environment,
  name: string,
  choices: readonly T[],
  fallback?: T,
): T {
  const text = present(env, name);
  if (text === undefined) {
    if (fallback !== undefined) return fallback;
    throw absent(name);
  }
  const choice = choices.find((candidate) => candidate === text);
  if (choice === undefined) throw malformed(name, text, `one of ${choices.join(', ')}`);
  return choice;
}

/** A comma-separated list without empty entries. */
export function readList(env: Environment, name: string): string[] {
  const entries = readString(env, name)
    .split(',')
    .map((entry) => entry.trim());
  if (entries.some((entry) => entry === '')) {
    throw malformed(name, entries.join(','), 'a list separated by single commas');
  }
  return entries;
}

/** An empty variable counts as absent: shells and templates cannot easily unset one. */
function present(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === undefined || value === '' ? undefined : value;
}

function absent(name: string): MillraceError {
  return new MillraceError(
    'configuration',
    `${name} is not set. Set it in the environment of this process.`,
    {
      detail: { variable: name },
    },
  );
}

function malformed(name: string, value: string, wanted: string): MillraceError {
  return new MillraceError('configuration', `${name} is malformed: "${value}" is not ${wanted}.`, {
    detail: { variable: name },
  });
}
