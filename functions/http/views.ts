import type { JobRecord } from '../../engine/job.ts';
import type { AuditRecord, RecordStore } from '../../engine/ports/record-store.ts';
import type { JobId } from '../../events/ids.ts';
import { jobNotFound } from './refusals.ts';

/** JSON text of what the API shows. JSON values of users are spliced in as the text they are. */

/** An object of plain fields and, after them, members that are JSON text already. */
export function jsonObject(
  fields: Readonly<Record<string, unknown>>,
  raw: Readonly<Record<string, string>> = {},
): string {
  const plain = JSON.stringify(fields).slice(1, -1);
  const spliced = Object.entries(raw).map(([key, text]) => `"${key}":${text}`);
  return `{${[...(plain === '' ? [] : [plain]), ...spliced].join(',')}}`;
}

export function jsonArray(elements: readonly string[]): string {
  return `[${elements.join(',')}]`;
}

/** The token is never among the fields: it is the claimant's secret. */
export function jobText(job: JobRecord, more: Readonly<Record<string, string>> = {}): string {
  const rest = Object.entries(more).map(([key, text]) => `,"${key}":${text}`);
  return `{${fieldsText(job)},"payload":${job.payload},"result":${job.result ?? 'null'}${rest.join('')}}`;
}

/** @throws MillraceError `not_found` when the job was removed at this moment */
export async function currentJob(store: Pick<RecordStore, 'getJobs'>, id: JobId): Promise<string> {
  const [job] = await store.getJobs([id]);
  if (!job) throw jobNotFound(id);
  return jobText(job);
}

/**
 * Put together by hand: a poll answers with a thousand of them, and JSON.stringify of the object took twice as long. Ids,
 * types and times have nothing in them to escape.
 */
function fieldsText(job: JobRecord): string {
  const { limits, retry } = job;
  return (
    `"id":"${job.id}","idempotency_key":${text(job.idempotencyKey)},"type":"${job.type}","status":"${job.status}",` +
    `"attempt":${job.attempt},"max_retries":${job.maxRetries},"retry":${retry ? JSON.stringify(retry) : 'null'},` +
    `"priority":${job.priority},"partition_key":${text(job.partitionKey)},"unique_key":${text(job.uniqueKey)},` +
    `"concurrency":${limits?.concurrency ? JSON.stringify(limits.concurrency) : 'null'},` +
    `"rate":${limits?.rate ? JSON.stringify(limits.rate) : 'null'},"workflow_id":${text(job.instanceId)},` +
    `"step_index":${job.stepIndex},"run_at":${time(job.runAt)},"last_error":${text(job.lastError)},` +
    `"worker_id":${text(job.workerId)},"created_at":${time(job.createdAt)},"queued_at":${time(job.queuedAt)},` +
    `"started_at":${time(job.startedAt)},"completed_at":${time(job.completedAt)},"updated_at":${time(job.updatedAt)}`
  );
}

function text(value: string | null): string {
  return value === null ? 'null' : JSON.stringify(value);
}

function time(at: Date | null): string {
  return at === null ? 'null' : `"${at.toISOString()}"`;
}

/** A claimed job when the answer is full: without its payload, which GET of the job gives. */
export function jobTextWithoutPayload(job: JobRecord): string {
  return `{${fieldsText(job)},"payload_omitted":true,"result":${job.result ?? 'null'}}`;
}

/** With the payload as a string, for a caller whose JSON parser would not keep it byte for byte. */
export function jobTextWithPayloadText(job: JobRecord): string {
  return `{${fieldsText(job)},"payload_text":${JSON.stringify(job.payload)},"result":${job.result ?? 'null'}}`;
}

/** A job with the history of its attempts and its audit trail. */
export function jobDetailText(job: JobRecord, audit: readonly AuditRecord[]): string {
  const trail = audit.map(({ at, actor, action, detail }) => jsonObject({ at, actor, action }, { detail }));
  return jobText(job, { attempts: JSON.stringify(attempts(job)), audit: jsonArray(trail) });
}

function attempts(job: JobRecord) {
  const past = job.pastAttempts.map((attempt) => ({
    attempt: attempt.attempt,
    outcome: 'failed',
    worker_id: attempt.worker_id,
    started_at: toTime(attempt.started_at),
    ended_at: toTime(attempt.ended_at),
    error: attempt.error,
  }));
  // The attempt under way, or the one that completed the job, stands in the job's own columns.
  if (job.attempt === 0 || past.at(-1)?.attempt === job.attempt) return past;
  const current = {
    attempt: job.attempt,
    outcome: job.status,
    worker_id: job.workerId,
    started_at: job.startedAt,
    ended_at: job.completedAt,
    error: null,
  };
  return [...past, current];
}

/** PostgreSQL's own JSON form of a time has the session's offset; the API speaks UTC. */
function toTime(text: string | null): Date | null {
  return text === null ? null : new Date(text);
}
