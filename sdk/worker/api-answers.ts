import { MillraceError } from '../../engine/errors.ts';
import { isJobStatus, type JobStatus } from '../../engine/job.ts';
import type { ClaimToken } from '../../events/ids.ts';
import { asArray, asDate, asFields, asInteger, asText, type Fields, orNull } from './narrow.ts';
import type { ClaimAnswer, ClaimedJob, HeartbeatAnswer, SettleAnswer } from './worker-api.ts';

/** The `results` of an answer, brought into the order of the ids that were asked for. */
export function readResults<T>(body: unknown, ids: readonly string[], read: (entry: Fields) => T): T[] {
  const results = asArray(asFields(body, 'the answer')['results'], 'results');
  const byId = new Map(
    results.map((entry, index) => {
      const fields = asFields(entry, `results[${index}]`);
      return [asText(fields['id'], `results[${index}].id`).toLowerCase(), fields];
    }),
  );
  return ids.map((id) => {
    const entry = byId.get(id.toLowerCase());
    if (entry) return read(entry);
    throw new MillraceError(
      'internal',
      `The API gave no result for job ${id}. Check that worker and API are of the same version.`,
    );
  });
}

export function toClaimAnswer(entry: Fields): ClaimAnswer {
  switch (entry['outcome']) {
    case 'claimed':
      return {
        outcome: 'claimed',
        token: asText(entry['token'], 'token') as ClaimToken,
        attempt: asInteger(entry['attempt'], 'attempt'),
        leaseUntil: asDate(entry['lease_until'], 'lease_until'),
        ...(entry['traceparent'] === undefined
          ? {}
          : { traceparent: asText(entry['traceparent'], 'traceparent') }),
        job: toClaimedJob(asFields(entry['job'], 'job')),
      };
    case 'not_claimable':
      return {
        outcome: 'not_claimable',
        status: statusOf(entry),
        attempt: asInteger(entry['attempt'], 'attempt'),
      };
    case 'not_found':
      return { outcome: 'not_found' };
    default:
      throw unknownOutcome(entry);
  }
}

function toClaimedJob(job: Fields): ClaimedJob {
  return {
    type: asText(job['type'], 'job.type'),
    maxRetries: asInteger(job['max_retries'], 'job.max_retries'),
    instanceId: orNull(job['workflow_id'], 'job.workflow_id', asText),
    stepIndex: orNull(job['step_index'], 'job.step_index', asInteger),
    idempotencyKey: orNull(job['idempotency_key'], 'job.idempotency_key', asText),
    partitionKey: orNull(job['partition_key'], 'job.partition_key', asText),
    priority: orNull(job['priority'], 'job.priority', asInteger) ?? 0,
    createdAt: asDate(job['created_at'], 'job.created_at'),
  };
}

export function toHeartbeatAnswer(entry: Fields): HeartbeatAnswer {
  switch (entry['outcome']) {
    case 'extended':
      return { outcome: 'extended', leaseUntil: asDate(entry['lease_until'], 'lease_until') };
    case 'lost':
      return { outcome: 'lost', status: statusOf(entry) };
    case 'not_found':
      return { outcome: 'not_found' };
    default:
      throw unknownOutcome(entry);
  }
}

export function toSettleAnswer(entry: Fields): SettleAnswer {
  const { outcome } = entry;
  if (outcome === 'settled' || outcome === 'refused') return { outcome, status: statusOf(entry) };
  if (outcome === 'not_found') return { outcome };
  throw unknownOutcome(entry);
}

function statusOf(entry: Fields): JobStatus {
  const status = asText(entry['status'], 'status');
  if (isJobStatus(status)) return status;
  throw new MillraceError(
    'internal',
    `The API reports a job state that this worker does not know: ${status}. Update the worker.`,
  );
}

function unknownOutcome(entry: Fields): MillraceError {
  return new MillraceError(
    'internal',
    `The API gave an outcome that this worker does not know: ${JSON.stringify(entry['outcome'])}. Update the worker.`,
  );
}
