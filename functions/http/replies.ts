import * as z from 'zod';
import { jobStatuses } from '../../engine/job.ts';
import { anyJson, concurrencyLimit, rateLimit, retrySettings } from './fields.ts';

/** What the endpoints answer, for the OpenAPI document; the tests hold real answers against it. */

const time = z.iso.datetime().meta({ description: 'RFC 3339, UTC.' });
const id = z.uuid();
const status = z.enum(jobStatuses);

const jobShape = {
  id,
  idempotency_key: z.string().nullable(),
  type: z.string(),
  payload: anyJson,
  status,
  attempt: z.int().meta({ description: 'Attempts begun; 0 before the first claim.' }),
  max_retries: z.int(),
  retry: retrySettings.nullable(),
  priority: z.int(),
  partition_key: z.string().nullable(),
  unique_key: z.string().nullable(),
  concurrency: concurrencyLimit.nullable(),
  rate: rateLimit.nullable(),
  workflow_id: id.nullable(),
  step_index: z.int().nullable(),
  run_at: time,
  result: anyJson,
  last_error: z.string().nullable(),
  worker_id: z.string().nullable(),
  created_at: time,
  queued_at: time.nullable(),
  started_at: time.nullable(),
  completed_at: time.nullable(),
  updated_at: time,
};

export const job = z.strictObject(jobShape).meta({ id: 'Job' });
export const jobs = z.strictObject({ jobs: z.array(job) });
export const jobPage = z.strictObject({
  jobs: z.array(job),
  next_cursor: z.string().nullable().meta({ description: 'For the next page; null at the end.' }),
});

export const jobDetail = z
  .strictObject({
    ...jobShape,
    attempts: z.array(
      z.strictObject({
        attempt: z.int(),
        outcome: z.string(),
        worker_id: z.string().nullable(),
        started_at: time.nullable(),
        ended_at: time.nullable(),
        error: z.string().nullable(),
      }),
    ),
    audit: z.array(z.strictObject({ at: time, actor: z.string(), action: z.string(), detail: z.unknown() })),
  })
  .meta({ id: 'JobDetail' });

/** A token has the form of a UUID, but all of its bits are random: none is a version. */
const token = z.guid();
const claim = {
  token,
  attempt: z.int(),
  lease_until: time,
  traceparent: z
    .string()
    .optional()
    .meta({ description: 'W3C trace context that the job was accepted with.' }),
};
export const claimed = z.strictObject({ job, ...claim });
const claimedInBatch = z
  .strictObject({ ...jobShape, payload: anyJson.optional(), payload_omitted: z.literal(true).optional() })
  .meta({ description: 'Without `payload` once the answer is full: get the job for it.' });

export const polled = z.strictObject({
  jobs: z.array(
    z.strictObject({
      ...claim,
      job: z.strictObject({ ...jobShape, payload: anyJson.optional(), payload_text: z.string().optional() }),
    }),
  ),
});

function results<T extends z.ZodType>(result: T) {
  return z.strictObject({ results: z.array(result).meta({ description: 'In the order of the request.' }) });
}

const notFound = z.strictObject({ id, outcome: z.literal('not_found') });

export const claims = results(
  z.union([
    z.strictObject({ id, outcome: z.literal('claimed'), ...claim, job: claimedInBatch }),
    z.strictObject({ id, outcome: z.literal('not_claimable'), status, attempt: z.int() }),
    notFound,
  ]),
);

export const heartbeat = z.strictObject({ lease_until: time });
export const heartbeats = results(
  z.union([
    z.strictObject({ id, outcome: z.literal('extended'), lease_until: time }),
    z.strictObject({ id, outcome: z.literal('lost'), status }),
    notFound,
  ]),
);

export const settled = z.strictObject({ id, status });
export const settlements = results(
  z.union([z.strictObject({ id, outcome: z.enum(['settled', 'refused']), status }), notFound]),
);

export const recorded = z.strictObject({ recorded: z.int() });

export const redriven = z.strictObject({ matched: z.int(), redriven: z.int(), dry_run: z.boolean() });

export const health = z.strictObject({ status: z.literal('ok') });

/** Particulars of a problem stand beside these: ids, states, what is allowed. */
export const problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string().meta({ description: 'Stable; see the table of codes at /docs.' }),
    detail: z.string(),
    errors: z.array(z.strictObject({ field: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem' });
