import { type ErrorCode, MillraceError } from '../engine/errors.ts';
import type { ConcurrencyLimit, RateLimit } from '../engine/limits.ts';
import type { RetrySettings } from '../engine/retry-policy.ts';
import type { JobId } from '../events/ids.ts';

/** An open transaction: a client of `pg` is one; `sdk/adapters` makes one of those of Kysely, Drizzle, Prisma and Knex. */
export interface Transaction {
  query(text: string, values: unknown[]): PromiseLike<{ readonly rows: readonly unknown[] }>;
}

export interface EnqueueRequest {
  /** The step id of a registered handler. */
  readonly type: string;
  /** Anything that JSON can hold. */
  readonly payload?: unknown;
  /** Attempts after the first one; 3 unless given. */
  readonly maxRetries?: number;
  /** The same request under the same key is accepted once. */
  readonly idempotencyKey?: string;
  readonly runAt?: Date;
  readonly priority?: number;
  /** Delays between attempts; what is absent is the default. */
  readonly retry?: RetrySettings;
  /** While another job of the type under this key has not ended, nothing is written, and that one's id is the answer. */
  readonly uniqueKey?: string;
  /** At most so many jobs of the key run at a time; unless given, what the type declares. */
  readonly concurrency?: ConcurrencyLimit;
  /** At most so many attempts of the key's jobs start within any span; unless given, what the type declares. */
  readonly rate?: RateLimit;
  /** Jobs of one key are dispatched in the order of their commits. */
  readonly partitionKey?: string;
  /** W3C trace context. */
  readonly traceparent?: string;
}

const ENQUEUE = `
  select millrace.enqueue(
    $1::text, $2::json, $3::integer, $4::text, $5::timestamptz, $6::integer, $7::text, $8::text, $9::json, $10::text,
    $11::json, $12::json
  )::text as id
`;

/**
 * Enqueues a job in the caller's own transaction: it exists when that commits, and a rollback leaves nothing of it.
 * After an error PostgreSQL has aborted the transaction: roll back, or have set a savepoint.
 * @throws MillraceError `unknown_job_type`, `idempotency_conflict`, `invalid_request`, `migration_missing`; what else the
 *   database says comes as it is
 */
export async function enqueue(tx: Transaction, request: EnqueueRequest): Promise<JobId> {
  const { maxRetries = 3, priority = 0, idempotencyKey, runAt, partitionKey, traceparent } = request;
  const payload = JSON.stringify(request.payload ?? null);
  const values = [request.type, payload, maxRetries, idempotencyKey, runAt?.toISOString(), priority];
  const retry = request.retry && JSON.stringify(request.retry);
  const limits = [request.concurrency, request.rate].map((limit) => limit && JSON.stringify(limit));
  const more = [partitionKey, traceparent, retry, request.uniqueKey, ...limits];
  try {
    const { rows } = await tx.query(
      ENQUEUE,
      [...values, ...more].map((value) => value ?? null),
    );
    return idOf(rows[0]);
  } catch (error) {
    throw named(error);
  }
}

function idOf(row: unknown): JobId {
  if (typeof row === 'object' && row !== null && 'id' in row && typeof row.id === 'string')
    return row.id as JobId;
  throw new MillraceError(
    'internal',
    'The transaction gave no row for the job. Is its query method that of pg, or of an adapter?',
  );
}

/** SQLSTATEs as `millrace.enqueue` raises them; the last two say that there is no such function. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  '23503': 'unknown_job_type',
  '23505': 'idempotency_conflict',
  '22023': 'invalid_request',
  '42883': 'migration_missing',
  '3F000': 'migration_missing',
};

function named(error: unknown): unknown {
  const refusal = refusalIn(error);
  const code = refusal && CODES[refusal.code];
  if (!code) return error;
  const advice = code === 'migration_missing' ? 'Run: millrace migrate up' : (refusal.hint ?? '');
  return new MillraceError(code, `${refusal.message} ${advice}`.trimEnd(), { cause: error });
}

/** What the database said. Some libraries wrap it, so the causes are looked through. */
function refusalIn(error: unknown): { code: string; message: string; hint?: string } | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (!('code' in at) || typeof at.code !== 'string' || !(at.code in CODES)) continue;
    const hint = 'hint' in at && typeof at.hint === 'string' ? { hint: at.hint } : {};
    return { code: at.code, message: at.message, ...hint };
  }
  return undefined;
}
