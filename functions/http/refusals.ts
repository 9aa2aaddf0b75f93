import type { StartOutcome } from '../../engine/commands/start-workflow.ts';
import { type ErrorCode, MillraceError } from '../../engine/errors.ts';
import type { JobStatus } from '../../engine/job.ts';
import type { Refusal } from '../../engine/workflow/events.ts';
import type { InstanceStatus } from '../../engine/workflow/state.ts';
import { invalidRequest } from './problem.ts';

/** The refusals that more than one endpoint gives. */

export function jobNotFound(id: string): MillraceError {
  return new MillraceError(
    'not_found',
    `There is no job ${id}. Check the id; the transaction that creates the job may also not have committed yet.`,
    { detail: { job_id: id } },
  );
}

export function workflowNotFound(id: string): MillraceError {
  return new MillraceError('not_found', `There is no workflow ${id}. Check the id.`, {
    detail: { workflow_id: id },
  });
}

/** A queued job that could not be claimed is being claimed by another at this very moment. */
export function notClaimable(id: string, status: JobStatus): MillraceError {
  const from = status === 'queued' ? 'running' : status;
  const advice = from === 'pending' || from === 'retrying' ? 'Wait until it is queued.' : 'Leave it alone.';
  return new MillraceError(
    'illegal_transition',
    `Job ${id} cannot be claimed: ${from} → running is not allowed. ${advice}`,
    { detail: { job_id: id, from, to: 'running' } },
  );
}

export function cannotCancel(id: string, status: JobStatus): MillraceError {
  return new MillraceError(
    'illegal_transition',
    `Job ${id} cannot be cancelled: ${status} → cancelled is not allowed. It has ended; leave it alone.`,
    { detail: { job_id: id, from: status, to: 'cancelled' } },
  );
}

/** Only what has ended without completing can be brought back. */
export function cannotRetry(id: string, status: JobStatus): MillraceError {
  const advice =
    status === 'completed'
      ? 'It is done; enqueue a new job.'
      : 'It has not ended, and goes on by itself; cancel it first to begin anew.';
  return new MillraceError(
    'illegal_transition',
    `Job ${id} cannot be retried: ${status} → queued is not allowed here. ${advice}`,
    { detail: { job_id: id, from: status, to: 'queued' } },
  );
}

export function workflowEnded(id: string, status: InstanceStatus): MillraceError {
  return new MillraceError(
    'workflow_ended',
    `Workflow ${id} cannot be cancelled: ${status} → cancelled is not allowed. It has ended; leave it alone.`,
    { detail: { workflow_id: id, from: status, to: 'cancelled' } },
  );
}

/** Why an event from outside was not taken, as the API says it. */
export function workflowRefused(id: string, refusal: Refusal): MillraceError {
  const code = REFUSAL_CODES[refusal.code];
  return new MillraceError(code, `${refusal.reason} Nothing was changed.`, {
    detail: { workflow_id: id, reason: refusal.code },
  });
}

const REFUSAL_CODES = {
  ended: 'workflow_ended',
  unknown_step: 'not_found',
  wrong_type: 'invalid_request',
  not_open: 'illegal_transition',
  not_failed: 'illegal_transition',
  not_paused: 'illegal_transition',
  bad_variables: 'invalid_request',
} as const satisfies Record<Refusal['code'], ErrorCode>;

/** Why a workflow was not started; `field` holds its input. */
export function cannotStart(
  refused: Exclude<StartOutcome, { kind: 'started' }>,
  field: string,
): MillraceError {
  return refused.kind === 'bad_input'
    ? invalidRequest([{ field, message: refused.reason }])
    : definitionNotFound(refused.id, refused.version);
}

export function definitionNotFound(id: string, version: number | undefined): MillraceError {
  const which = version === undefined ? `"${id}"` : `"${id}" of version ${version}`;
  return new MillraceError('not_found', `There is no workflow definition ${which}. Upload it first.`, {
    detail: { definition: id },
  });
}

export function workflowPassed(id: string): MillraceError {
  return new MillraceError(
    'workflow_ended',
    `Job ${id} cannot be retried: its workflow has gone past this step. Start the workflow again.`,
    { detail: { job_id: id } },
  );
}

export function staleToken(id: string, status: JobStatus): MillraceError {
  return new MillraceError(
    'stale_token',
    `The token is not the one of the current attempt of job ${id}, which is ${status}. ` +
      'Stop working on it: the lease ran out and another attempt counts.',
    { detail: { job_id: id, job_status: status } },
  );
}

export function recordNotFound(id: string): MillraceError {
  return new MillraceError('not_found', `There is no run ${id} among the workflow records.`);
}
