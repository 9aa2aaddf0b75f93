import { limits } from '../../engine/deps.ts';
import { MillraceError } from '../../engine/errors.ts';
import type { JobRequest } from '../../engine/new-job.ts';
import type { UniqueRule } from '../../engine/unique.ts';
import type { StepId } from '../../events/ids.ts';

import type { KnownTypes } from './known-types.ts';
import type { FieldFault } from './problem.ts';
import { tooLarge } from './request-body.ts';
import type { JobRequestBody } from './requests.ts';
import type { HttpEvent } from './shape.ts';

/** The command for one job of a request. */
export function toJobRequest(
  body: JobRequestBody,
  { payload, field, event }: { payload: string | undefined; field: string; event: HttpEvent },
): JobRequest {
  return {
    type: body.type as StepId,
    payload: within(payload ?? 'null', field),
    maxRetries: body.max_retries,
    retry: body.retry,
    priority: body.priority,
    runAt: body.run_at === undefined ? undefined : new Date(body.run_at),
    idempotencyKey: body.idempotency_key,
    partitionKey: body.partition_key,
    unique: body.unique && toUniqueRule(body.unique),
    limits: body.concurrency || body.rate ? { concurrency: body.concurrency, rate: body.rate } : undefined,
    traceparent: traceparentOf(event),
  };
}

function toUniqueRule({
  key,
  mode,
  delay_ms,
  max_wait_ms,
}: NonNullable<JobRequestBody['unique']>): UniqueRule {
  return { key, mode, delayMs: delay_ms, maxWaitMs: max_wait_ms };
}

/**
 * JSON text that is stored as it is.
 * @throws MillraceError `body_too_large` naming the field
 */
export function within(json: string, field: string): string {
  // A UTF-16 unit is at most three bytes: most texts need no count.
  if (json.length * 3 <= limits.payloadBytes) return json;
  const bytes = Buffer.byteLength(json);
  if (bytes > limits.payloadBytes) throw tooLarge(`"${field}"`, { bytes, limit: limits.payloadBytes, field });
  return json;
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The caller's W3C trace context, passed on to the worker; anything else in that header is ignored, as W3C asks. */
export function traceparentOf(event: HttpEvent): string | undefined {
  const value = event.headers['traceparent'];
  return value !== undefined && TRACEPARENT.test(value) ? value : undefined;
}

const SHOWN_TYPES = 20;

/**
 * A job of a type without a handler would stay queued for ever.
 * @throws MillraceError `unknown_job_type` naming the fields and what is known
 */
export async function requireKnownTypes(
  registry: KnownTypes,
  types: readonly StepId[],
  fieldOf: (index: number) => string,
): Promise<void> {
  const unknown = await registry.unknown(new Set(types));
  if (unknown.length === 0) return;
  const errors = types.flatMap((type, index): FieldFault[] =>
    unknown.includes(type) ? [{ field: fieldOf(index), message: `"${type}" has no handler` }] : [],
  );
  const known = registry.known();
  const shown = known.slice(0, SHOWN_TYPES).join(', ') || 'none yet';
  const more = known.length > SHOWN_TYPES ? ` and ${known.length - SHOWN_TYPES} more` : '';
  throw new MillraceError(
    'unknown_job_type',
    `No handler is registered for ${unknown
      .map((type) => `"${type}"`)
      .slice(0, SHOWN_TYPES)
      .join(', ')}. Known types: ${shown}${more}. ` +
      'Add a handler to millrace.config.ts and start a process with it, or run: millrace topics apply. Nothing was written.',
    { detail: { errors: errors.slice(0, 100), known_types: known.slice(0, SHOWN_TYPES) } },
  );
}
