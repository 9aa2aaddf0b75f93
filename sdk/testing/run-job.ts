import { completeJobs } from '../../engine/commands/complete-jobs.ts';
import { failJobs } from '../../engine/commands/fail-jobs.ts';
import type { EngineDeps } from '../../engine/deps.ts';
import type { JobRecord } from '../../engine/job.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import type { Job, JobContext, JobHandlers } from '../define.ts';
import { isNonRetryable } from '../non-retryable-error.ts';
import { retryAfterOf } from '../retry-after-error.ts';
import { errorText, resultText } from '../worker/result-text.ts';

/** Runs the handler of a job that was taken, and tells the engine what came of it, as a worker would. */
export async function runJob(deps: EngineDeps, record: JobRecord, handlers: JobHandlers): Promise<void> {
  const { id, token } = record;
  if (token === null) throw new Error(`Job ${id} was taken without a token.`);
  try {
    const handler = Object.hasOwn(handlers, record.type) ? handlers[record.type] : undefined;
    if (!handler) throw new TypeError(`The service has no handler for "${record.type}".`);
    const result = resultText(await handler(contextOf(record, token) as JobContext<never>));
    if ('problem' in result) throw new TypeError(result.problem);
    await completeJobs(deps, [{ id, token, result: result.text }]);
  } catch (error) {
    const retryable =
      !isNonRetryable(error) && !(error instanceof TypeError && error.message.startsWith('The service'));
    await failJobs(deps, [
      { id, token, error: errorText(error), retryable, retryAfterMs: retryAfterOf(error) },
    ]);
  }
}

function contextOf(record: JobRecord, token: string): JobContext {
  return {
    job: jobOf(record),
    attempt: record.attempt,
    token,
    signal: new AbortController().signal,
    heartbeat: () => Promise.resolve(),
    traceparent: undefined,
    logger: silentLogger,
  };
}

function jobOf(record: JobRecord): Job {
  const { id, type, payload, attempt, maxRetries, instanceId, stepIndex, priority, createdAt } = record;
  const { idempotencyKey, partitionKey } = record;
  return {
    ...{
      id,
      type,
      attempt,
      maxRetries,
      instanceId,
      stepIndex,
      idempotencyKey,
      partitionKey,
      priority,
      createdAt,
    },
    payload: JSON.parse(payload) as unknown,
    payloadText: payload,
  };
}
