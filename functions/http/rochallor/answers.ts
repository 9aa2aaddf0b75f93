import { type ErrorCode, isMillraceError } from '../../../engine/errors.ts';
import type { JobRecord } from '../../../engine/job.ts';
import type { DefinitionRecord } from '../../../engine/workflow/definitions.ts';
import type { ExecutionView } from '../../rochallor/executions.ts';
import { executionId } from '../../rochallor/executions.ts';
import type { InstanceView } from '../../rochallor/instance-view.ts';
import { retriesRemaining } from '../../rochallor/jobs.ts';
import { problemStatus } from '../problem.ts';
import type { HttpResult } from '../shape.ts';
import { jsonArray, jsonObject } from '../views.ts';

/** JSON of the REST dialect: names and absences are its own. */

export function json(status: number, text: string): HttpResult {
  return { statusCode: status, headers: { 'content-type': 'application/json' }, body: `${text}\n` };
}

export const noContent: HttpResult = { statusCode: 204 };

/** The words of the dialect; the rest is `internal-error`. */
const WORDS: Partial<Record<ErrorCode, string>> = {
  malformed_json: 'bad-request',
  invalid_request: 'bad-request',
  body_too_large: 'bad-request',
  unauthorized: 'unauthorized',
  forbidden: 'forbidden',
  too_many_requests: 'too-many-requests',
  not_found: 'not-found',
  illegal_transition: 'conflict',
  workflow_ended: 'conflict',
  stale_token: 'conflict',
  unavailable: 'unavailable',
  database_unreachable: 'unavailable',
};

export function failure(status: number, error: string, reason: string): HttpResult {
  return json(status, JSON.stringify({ error, reason }));
}

/** What happened inside is the log's business. */
export function faultReply(error: unknown): HttpResult {
  if (!isMillraceError(error)) return failure(500, 'internal-error', 'A fault on our side; the log has it.');
  if (error.code === 'poll_disabled') return pollDisabled();
  const status = problemStatus[error.code];
  const word = WORDS[error.code] ?? 'internal-error';
  const reason = status < 500 ? error.message : 'A system this depends on cannot be reached: try again.';
  return failure(status, word, reason);
}

function pollDisabled(): HttpResult {
  return json(
    410,
    JSON.stringify({
      error: 'poll path disabled',
      dispatch_mode: 'kafka_outbox',
      hint: 'consume directly from Kafka topic workflow.jobs.<jobType>',
    }),
  );
}

export function instanceText(view: InstanceView): string {
  const { variables, completedAt, failureReason, businessKey, ...fields } = view;
  return jsonObject(
    {
      ...fields,
      ...(completedAt === null ? {} : { completedAt }),
      ...(failureReason === null || failureReason === '' ? {} : { failureReason }),
      ...(businessKey === null ? {} : { businessKey }),
    },
    { variables },
  );
}

/** `null` where there is none: so are the lists of the dialect. */
export function listText(name: string, texts: readonly string[]): string {
  return `"${name}":${texts.length === 0 ? 'null' : jsonArray(texts)}`;
}

export function definitionSummaryText({ id, version, name, uploadedAt }: DefinitionRecord): string {
  return JSON.stringify({ id, version, name, uploadedAt });
}

export function executionText(view: ExecutionView): string {
  return JSON.stringify({
    ID: view.id,
    InstanceID: view.instanceId,
    StepID: view.stepId,
    StepType: view.stepType,
    AttemptNumber: view.attemptNumber,
    Status: view.status,
    StartedAt: view.startedAt,
    EndedAt: view.endedAt,
    InputSnapshot: null,
    OutputSnapshot: null,
    FailureReason: view.failureReason,
  });
}

export function jobText(job: JobRecord): string {
  const { id, instanceId, stepIndex, workerId, startedAt, leaseUntil, createdAt } = job;
  return jsonObject(
    {
      id,
      instanceId: instanceId ?? '',
      stepExecutionId: instanceId === null ? '' : executionId(instanceId, stepIndex ?? 0),
      jobType: job.type,
      status: 'LOCKED',
      workerId,
      lockedAt: startedAt,
      lockExpiresAt: leaseUntil,
      retriesRemaining: retriesRemaining(job),
      createdAt,
    },
    { variables: job.payload },
  );
}
