import type { AuditEntry, CommitUnit, NewJob } from '../../../engine/commit.ts';
import { instanceTrailRows, newInstanceRow } from '../instance-params.ts';
import { packNumbers } from '../packs.ts';

/** The values of the statement in `commit.ts`: rows for json_to_recordset, each with the number of its unit. */
export function commitValues(units: readonly CommitUnit[], shards: number): string[] {
  const packs = packsOf(units, shards);
  const rows = <T>(of: (unit: CommitUnit, ord: number) => readonly T[]) => JSON.stringify(units.flatMap(of));
  return [
    rows((unit, ord) => [{ ...unitRow(unit, ord), pack: unit.job && packs.get(unit.job) }]),
    rows((unit, ord) => jobsOf(unit).map((job) => ({ ...newJobRow(job, ord), pack: packs.get(job) }))),
    JSON.stringify(units.flatMap(auditRowsOf).map((row, place) => ({ ...row, place }))),
    rows((unit, ord) => (unit.start ?? []).map((instance) => newInstanceRow(instance, ord))),
    rows((unit, ord) => [
      ...(unit.instance ? instanceTrailRows(unit.instance.id, unit.instance, ord) : []),
      ...(unit.start ?? []).flatMap((instance) => instanceTrailRows(instance.id, instance, ord)),
    ]),
    rows(({ instance }, unit) => {
      const { activations = [], actor, reason } = instance?.endJobs ?? {};
      const of = { unit, instance_id: instance?.id };
      return [
        ...activations.map((activation) => ({ ...of, kind: 'job', activation, actor, reason })),
        ...(instance?.closeTasks ?? []).map((activation) => ({ ...of, kind: 'task', activation })),
        ...(instance?.message === undefined
          ? []
          : [{ ...of, kind: 'message', message_id: instance.message }]),
      ];
    }),
  ];
}

function jobsOf({ enqueue, start = [] }: CommitUnit): NewJob[] {
  return [...enqueue, ...start.flatMap(({ jobs }) => jobs)];
}

/** Which pack of its topic each message goes into, none of which grows beyond what an outbox row holds. */
function packsOf(units: readonly CommitUnit[], shards: number): Map<object, number> {
  const messages = units.flatMap((unit) => [...(unit.job ? [unit.job] : []), ...jobsOf(unit)]);
  const numbers = packNumbers(messages, shards);
  return new Map(messages.map((message, index) => [message, numbers[index] ?? 0]));
}

function unitRow({ job, instance }: CommitUnit, ord: number) {
  return {
    ord,
    job_id: job?.id,
    from_status: job?.expect.status,
    attempt: job?.expect.attempt,
    token: job?.expect.token,
    lease_expired: job?.expect.leaseExpired,
    to_status: job?.status,
    result: job?.result,
    last_error: job?.lastError,
    ended_error: job?.endedAttempt?.error,
    delay_ms: job?.delayMs,
    claimed_by: job?.claimedBy,
    attempt_is_lost: job?.attemptIsLost,
    fresh_retries: job?.freshRetries,
    topic: job?.dispatch?.topic,
    message: job?.dispatch?.message.toString('base64'),
    instance_id: instance?.id,
    instance_version: instance?.expectedVersion,
    instance_status: instance?.status,
    state: instance && JSON.stringify(instance.state),
    variables: instance?.variables,
    current_step: instance?.currentStep,
    failure_reason: instance?.failureReason,
    due_at: instance?.dueAt,
  };
}

export function newJobRow(job: NewJob, unit: number) {
  return {
    unit,
    id: job.id,
    type: job.type,
    status: job.status,
    payload: job.payload,
    priority: job.priority,
    max_retries: job.maxRetries,
    retry: job.retry && JSON.stringify(job.retry),
    created_at: job.createdAt,
    instance_id: job.instanceId,
    step_index: job.stepIndex,
    traceparent: job.traceparent,
    topic: job.dispatch?.topic,
    message: job.dispatch?.message.toString('base64'),
  };
}

function auditRowsOf({ audit, start = [] }: CommitUnit, unit: number) {
  const started = start.map(
    ({ id, jobs: [first] }): AuditEntry => ({
      actor: 'engine',
      action: 'WORKFLOW_STARTED',
      ...(first ? { jobId: first.id } : {}),
      instanceId: id,
    }),
  );
  return [...audit, ...started].map((entry) => ({ unit, ...auditRow(entry) }));
}

export function auditRow(entry: AuditEntry) {
  return {
    actor: entry.actor,
    action: entry.action,
    job_id: entry.jobId,
    instance_id: entry.instanceId,
    detail: entry.detail,
  };
}
