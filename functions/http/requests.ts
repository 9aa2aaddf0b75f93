import * as z from 'zod';
import { limits } from '../../engine/deps.ts';
import { jobStatuses } from '../../engine/job.ts';
import {
  anyJson,
  concurrencyLimit,
  dateTime,
  leaseSeconds,
  lenientText,
  maxRetries,
  pageFields,
  rateLimit,
  retryAfterMs,
  retrySettings,
  stepId,
  text,
  uniqueRule,
  uuid,
  workerId,
} from './fields.ts';

/** What every endpoint takes. Unknown fields are refused, so that a misspelt one is not silently without effect. */

export const jobRequest = z
  .strictObject({
    type: stepId,
    payload: anyJson,
    max_retries: maxRetries,
    retry: retrySettings.optional(),
    idempotency_key: z
      .union([text(255), z.literal('')])
      .transform((key) => (key === '' ? undefined : key))
      .optional()
      .meta({ description: 'The same request under the same key is accepted once.' }),
    run_at: dateTime.optional(),
    priority: z.int().min(-32_768).max(32_767).default(0),
    partition_key: text(255).optional().meta({ description: 'Jobs of one key are dispatched in order.' }),
    unique: uniqueRule.optional(),
    concurrency: concurrencyLimit.optional(),
    rate: rateLimit.optional(),
  })
  .refine(
    ({ unique, idempotency_key }) => !(unique && idempotency_key),
    'may have one of `unique` and `idempotency_key`',
  )
  .refine(
    ({ unique, run_at }) => !(unique?.mode === 'debounce' && run_at),
    'may have one of `run_at` and `unique` with the mode `debounce`, which sets it',
  )
  .meta({ id: 'JobRequest' });

export type JobRequestBody = z.infer<typeof jobRequest>;

export const jobBatchRequest = z.strictObject({ jobs: z.array(jobRequest).min(1).max(limits.batchJobs) });

export const jobListQuery = z.strictObject({
  status: z.enum(jobStatuses).optional(),
  type: stepId.optional(),
  created_after: dateTime.optional(),
  created_before: dateTime.optional(),
  text: text(200).optional().meta({
    description:
      'Part of the id, a key, the worker, the last error or the payload. Looks at the 20,000 newest jobs of the rest of the filter.',
  }),
  ...pageFields,
});

const claimId = uuid.optional().meta({
  description: 'Random, new for each claim: repeating a claim under it gives the same leases again.',
});

export const claimRequest = z.strictObject({
  claim_id: claimId,
  worker_id: workerId,
  lease_seconds: leaseSeconds,
});

export const claimBatchRequest = z.strictObject({
  ids: z.array(uuid).min(1).max(limits.batchJobs),
  published_at: z.array(z.int().min(0)).max(limits.batchJobs).optional().meta({
    description:
      "For each id the time of its record, in milliseconds since the epoch: for the API's metrics.",
  }),
  claim_id: claimId,
  worker_id: workerId,
  lease_seconds: leaseSeconds,
});

export const pollRequest = z.strictObject({
  types: z.array(stepId).min(1).max(1000).meta({ description: 'The types there are handlers for.' }),
  limit: z.int().min(1).max(limits.batchJobs).default(1),
  claim_id: claimId,
  again: z
    .boolean()
    .default(false)
    .meta({ description: 'The answer under this claim_id was lost: the same leases again, and no others.' }),
  worker_id: workerId,
  lease_seconds: leaseSeconds,
  wait_ms: z
    .int()
    .min(0)
    .max(limits.pollWaitMs)
    .default(0)
    .meta({ description: 'Wait so long for a job when there is none. A Lambda answers at once.' }),
  payload_as: z
    .enum(['json', 'text'])
    .default('json')
    .meta({ description: '`text`: as a string `payload_text`, byte for byte, instead of `payload`.' }),
});

export const heartbeatRequest = z.strictObject({ token: uuid, lease_seconds: leaseSeconds });

export const heartbeatBatchRequest = z.strictObject({
  jobs: z
    .array(z.strictObject({ id: uuid, token: uuid }))
    .min(1)
    .max(limits.batchJobs),
  lease_seconds: leaseSeconds,
});

const completion = {
  token: uuid,
  result: anyJson.optional(),
  held_ms: z
    .int()
    .min(0)
    .max(limits.leaseMs.max * 1000)
    .optional()
    .meta({ description: "From the claim to this result by the worker's clock: for the API's metrics." }),
};

export const completeRequest = z.strictObject(completion);

export const completeBatchRequest = z.strictObject({
  jobs: z
    .array(z.strictObject({ id: uuid, ...completion }))
    .min(1)
    .max(limits.batchJobs),
});

const failure = {
  token: uuid,
  error: lenientText(32 * 1024).meta({ description: 'What went wrong, for a person.' }),
  retryable: z
    .boolean()
    .default(true)
    .meta({ description: 'False: no retry, straight to the dead letters.' }),
  retry_after_ms: retryAfterMs.optional(),
};

export const failRequest = z.strictObject(failure);

export const failBatchRequest = z.strictObject({
  jobs: z
    .array(z.strictObject({ id: uuid, ...failure }))
    .min(1)
    .max(limits.batchJobs),
});

const offset = z
  .union([z.int().min(0), z.string().regex(/^\d{1,18}$/)])
  .transform(BigInt)
  .meta({ override: { type: ['integer', 'string'], pattern: '^\\d{1,18}$' } });

const bytes = z.base64().nullable().meta({ description: 'Base64, or null.' });

export const undecodableRequest = z.strictObject({
  records: z
    .array(
      z.strictObject({
        topic: text(249),
        partition: z.int().min(0).max(2_147_483_647),
        offset,
        key: bytes,
        value: bytes,
        reason: lenientText(4096),
      }),
    )
    .min(1)
    .max(limits.batchJobs),
});
