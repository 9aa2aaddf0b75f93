import type { NewInstance } from '../../engine/commit.ts';
import type { JobRecord } from '../../engine/job.ts';
import type {
  InstanceDetail,
  InstanceSummary,
  RecordStore,
  UserTask,
} from '../../engine/ports/record-store.ts';
import type { Definition, Step } from '../../engine/workflow/definition.ts';
import { type DefinitionRecord, definitionOf } from '../../engine/workflow/definitions.ts';
import { isInline } from '../../engine/workflow/inline-definition.ts';
import type { DefinitionRef } from '../../engine/workflow/instance-record.ts';
import { jsonArray, jsonObject } from './views.ts';

/** JSON text of what the API shows of workflows. */

export function startedWorkflowText(instance: NewInstance): string {
  const { definition, foreignId = null, status, currentStep, totalSteps } = instance;
  return jsonObject({
    id: instance.id,
    name: instance.name,
    definition: named(definition),
    foreign_id: foreignId,
    status,
    current_step: currentStep,
    total_steps: totalSteps,
    created_at: instance.createdAt,
  });
}

export function workflowSummaryText(instance: InstanceSummary): string {
  return jsonObject(summaryFields(instance));
}

/** The instance with its steps as they stand, and as a timeline. */
export async function workflowText(store: RecordStore, detail: InstanceDetail): Promise<string> {
  const definition = await definitionOf(store, detail.instance);
  const entries = timelineOf(detail, definition);
  const latest = new Map(entries.map((entry) => [entry.step, entry]));
  const steps = [...definition.steps.values()].filter(({ type }) => type !== 'END');
  return jsonObject(summaryFields(detail.instance), {
    variables: detail.instance.variables,
    steps: jsonArray(steps.map((step) => stepText(step, latest.get(step.id)))),
    timeline: jsonArray(entries.map(entryText)),
  });
}

export function definitionText(record: DefinitionRecord, withDocument = false): string {
  const { id, version, name, document, uploadedAt: uploaded_at } = record;
  return jsonObject({ id, version, name, uploaded_at }, withDocument ? { document } : {});
}

export function userTaskText(task: UserTask): string {
  return jsonObject({
    workflow_id: task.instanceId,
    activation: task.activation,
    step: task.step,
    name: task.name,
    workflow: task.workflow,
    foreign_id: task.foreignId,
    opened_at: task.openedAt,
  });
}

/** A chain that came with its steps has no definition that anybody has named. */
function named(definition: DefinitionRef): DefinitionRef | null {
  const { id, version } = definition;
  return isInline(definition) ? null : { id, version };
}

function summaryFields(instance: InstanceSummary) {
  return {
    id: instance.id,
    name: instance.name,
    definition: named(instance.definition),
    foreign_id: instance.foreignId,
    status: instance.status,
    current_step: instance.currentStep,
    total_steps: instance.totalSteps,
    created_at: instance.createdAt,
    updated_at: instance.updatedAt,
    completed_at: instance.completedAt,
    failure_reason: instance.failureReason,
  };
}

export interface TimelineEntry {
  readonly activation: number;
  readonly step: string;
  readonly type: string;
  readonly status: string;
  readonly startedAt: Date;
  readonly endedAt: Date | null;
  readonly reason: string | null;
  readonly job: JobRecord | undefined;
}

/** What has ended and what is under way, in the order in which it began. */
export function timelineOf(
  { instance, jobs, history }: InstanceDetail,
  definition: Definition,
): TimelineEntry[] {
  const jobAt = new Map(jobs.map((job) => [job.stepIndex, job]));
  const ended = history.map((entry): TimelineEntry => {
    const { activation, step, type, status, startedAt, endedAt, reason = null } = entry;
    const times = { startedAt: new Date(startedAt), endedAt: new Date(endedAt) };
    return { activation, step, type, status, ...times, reason, job: jobAt.get(activation) };
  });
  const open = instance.state.tokens.map(({ activation, step, since, undo }): TimelineEntry => {
    const type = undo ? 'COMPENSATION' : (definition.steps.get(step)?.type ?? 'SERVICE_TASK');
    const times = { startedAt: new Date(since), endedAt: null };
    return { activation, step, type, status: 'running', ...times, reason: null, job: jobAt.get(activation) };
  });
  return [...ended, ...open].sort(
    (a, b) => a.startedAt.getTime() - b.startedAt.getTime() || a.activation - b.activation,
  );
}

function entryText({ job, ...entry }: TimelineEntry): string {
  return jsonObject(
    {
      activation: entry.activation,
      step: entry.step,
      type: entry.type,
      status: entry.status,
      started_at: entry.startedAt,
      ended_at: entry.endedAt,
      reason: entry.reason,
      job_id: job?.id ?? null,
      job_status: job?.status ?? null,
      attempt: job?.attempt ?? 0,
      worker_id: job?.workerId ?? null,
    },
    { output: job?.result ?? 'null' },
  );
}

function stepText(step: Step, entry: TimelineEntry | undefined): string {
  const job = entry?.job;
  return jsonObject(
    {
      name: step.name,
      id: step.id,
      kind: step.type,
      type: step.jobType ?? null,
      max_retries: step.retryCount,
      retry: step.retry ?? null,
      status: job?.status ?? entry?.status ?? 'pending',
      job_id: job?.id ?? null,
      attempt: job?.attempt ?? 0,
      started_at: (job ? job.startedAt : entry?.startedAt) ?? null,
      completed_at: (job ? job.completedAt : entry?.endedAt) ?? null,
      error: job?.lastError ?? entry?.reason ?? null,
    },
    { payload: step.payload ?? 'null', output: job?.result ?? 'null' },
  );
}
