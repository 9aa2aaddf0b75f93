import type { NewJob } from '../../engine/commit.ts';

/**
 * JSON text of a job just written, as `jobText` would show it; the times that the store sets itself differ from
 * `createdAt` by its own few ms. Put together by hand, since it is the answer to every enqueue: printing an object with
 * its dates was a fifth of the API's CPU in batches of 1,000. The test holds it to `jobText`.
 */
export function createdJobText(job: NewJob): string {
  const createdAt = timeText(job.createdAt);
  const runAt = job.runAt ? timeText(job.runAt) : createdAt;
  const queuedAt = job.status === 'queued' ? createdAt : 'null';
  // Ids, types and states hold nothing that JSON escapes.
  return (
    `{"id":"${job.id}","idempotency_key":${textOrNull(job.idempotencyKey)},"type":"${job.type}","status":"${job.status}",` +
    `"attempt":0,"max_retries":${job.maxRetries},"retry":${job.retry ? JSON.stringify(job.retry) : 'null'},"priority":${job.priority},` +
    `"partition_key":${textOrNull(job.partitionKey)},"unique_key":${textOrNull(job.unique?.key)},` +
    `"concurrency":${jsonOrNull(job.limits?.concurrency)},"rate":${jsonOrNull(job.limits?.rate)},` +
    `"workflow_id":${textOrNull(job.instanceId)},` +
    `"step_index":${job.stepIndex ?? 'null'},"run_at":${runAt},"last_error":null,"worker_id":null,` +
    `"created_at":${createdAt},"queued_at":${queuedAt},"started_at":null,"completed_at":null,` +
    `"updated_at":${createdAt},"payload":${job.payload},"result":null}`
  );
}

function textOrNull(text: string | undefined): string {
  return text === undefined ? 'null' : JSON.stringify(text);
}

function jsonOrNull(value: object | undefined): string {
  return value ? JSON.stringify(value) : 'null';
}

let lastMs = Number.NaN;
let lastText = '';

/** Jobs of one batch, and most of one moment, share their millisecond. */
function timeText(time: Date): string {
  const milliseconds = time.getTime();
  if (milliseconds !== lastMs) {
    lastText = `"${time.toISOString()}"`;
    lastMs = milliseconds;
  }
  return lastText;
}
