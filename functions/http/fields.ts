import * as z from 'zod';
import { retryBounds } from '../../engine/retry-policy.ts';
import { uniqueModes } from '../../engine/unique.ts';
import { isStepId, isUuid } from '../../events/ids.ts';

/** PostgreSQL's text holds neither NUL nor half a surrogate pair; JSON can escape both. */
function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** Text of 1 to `max` UTF-16 units. */
export function text(max: number) {
  return z.string().min(1).max(max).refine(isStorable, 'has a NUL or half of a surrogate pair in it');
}

/** Text in which NUL and halves of surrogate pairs are replaced by U+FFFD: what a program said while failing is kept. */
export function lenientText(max: number) {
  return z
    .string()
    .max(max)
    .overwrite((value) => value.replaceAll('\0', '\uFFFD').toWellFormed());
}

export const uuid = z
  .string()
  .refine(isUuid, 'is not a UUID')
  .overwrite((value) => value.toLowerCase())
  .meta({ format: 'uuid' });

export const stepId = z
  .string()
  .refine(isStepId, 'may hold letters, digits, ".", "_" and "-", at most 200 of them')
  .meta({ description: 'Names the handler.', example: 'send-email' });

/** Any JSON. Its bytes are taken from the text of the request, so the parsed value serves only to see that it is there. */
export const anyJson = z.unknown().meta({ description: 'Any JSON; kept byte for byte.' });

export const leaseSeconds = z.int().min(1).max(43_200).default(120);

export const dateTime = z.iso
  .datetime({ offset: true })
  .max(40)
  .meta({ description: 'RFC 3339, with its offset from UTC.', example: '2026-01-31T12:00:00Z' });

export const workerId = text(255).meta({ description: 'Names the worker in the job.' });

export const maxRetries = z
  .int()
  .min(0)
  .max(1000)
  .default(3)
  .meta({ description: 'Attempts after the first one.' });

/** Of every list. */
export const pageFields = {
  limit: z
    .string()
    .regex(/^\d{1,4}$/, 'is not a whole number from 1 to 1000')
    .transform(Number)
    .refine((value) => value >= 1 && value <= 1000, 'is not a whole number from 1 to 1000')
    .default(100)
    .meta({ override: { type: 'integer', minimum: 1, maximum: 1000, default: 100 } }),
  cursor: z
    .string()
    .transform((value, context) => {
      const id = Buffer.from(value, 'base64url').toString('latin1');
      const parsed = uuid.safeParse(id);
      if (parsed.success) return parsed.data;
      context.addIssue({ code: 'custom', message: 'is not a next_cursor of this API', input: value });
      return z.NEVER;
    })
    .optional()
    .meta({ override: { type: 'string', description: 'The next_cursor of the page before.' } }),
};

const DAY_MS = 24 * 3_600_000;

export const retrySettings = z
  .strictObject({
    base_ms: z
      .int()
      .min(retryBounds.base_ms[0])
      .max(retryBounds.base_ms[1])
      .optional()
      .meta({ description: 'Before the first retry; 1000.' }),
    multiplier: z
      .number()
      .min(retryBounds.multiplier[0])
      .max(retryBounds.multiplier[1])
      .optional()
      .meta({ description: 'From one delay to the next; 2.' }),
    max_ms: z
      .int()
      .min(retryBounds.max_ms[0])
      .max(retryBounds.max_ms[1])
      .optional()
      .meta({ description: 'The longest delay; 60000.' }),
    jitter: z
      .number()
      .min(retryBounds.jitter[0])
      .max(retryBounds.jitter[1])
      .optional()
      .meta({ description: '0.1, the default, is ±10 %.' }),
  })
  .meta({ id: 'RetrySettings', description: 'Delays between attempts; what is absent is the default.' });

export const retryAfterMs = z
  .int()
  .min(0)
  .max(30 * DAY_MS)
  .meta({ description: 'From now until the next attempt, instead of the delay of the retry policy.' });

const limitFields = {
  key: text(255),
  limit: z.int().min(1).max(10_000),
};

export const concurrencyLimit = z
  .strictObject(limitFields)
  .meta({ id: 'ConcurrencyLimit', description: 'At most `limit` jobs of the key run at a time.' });

export const rateLimit = z.strictObject({ ...limitFields, per_seconds: z.int().min(1).max(86_400) }).meta({
  id: 'RateLimit',
  description: 'At most `limit` attempts of jobs of the key start within any span of `per_seconds`.',
});

export const uniqueRule = z
  .strictObject({
    key: text(255).meta({ description: 'Of the jobs of one type.' }),
    mode: z
      .enum(uniqueModes)
      .default('drop')
      .meta({
        description:
          'When another job under the key has not ended: `drop` answers it; `replace` puts this one in its place unless it ' +
          'runs; `debounce` lets it wait for `delay_ms` of quiet, with the newest payload.',
      }),
    delay_ms: z.int().min(1).max(DAY_MS).optional(),
    max_wait_ms: z
      .int()
      .min(1)
      .max(7 * DAY_MS)
      .optional()
      .meta({ description: 'With `debounce`: from the first on.' }),
  })
  .refine(
    ({ mode, delay_ms, max_wait_ms }) =>
      mode === 'debounce' ? delay_ms !== undefined : delay_ms === undefined && max_wait_ms === undefined,
    'has `delay_ms`, and may have `max_wait_ms`, with the mode `debounce` and no other',
  )
  .meta({ id: 'UniqueRule' });
