import type { InstanceId } from '../../events/ids.ts';
import type { NewInstance } from '../commit.ts';
import type { EngineDeps } from '../deps.ts';
import { defined, newJob } from '../new-job.ts';
import { stepPayload, type WorkflowStep } from '../workflow.ts';

export interface WorkflowRequest {
  readonly name: string;
  readonly foreignId?: string | undefined;
  /** At least one; names are unique within the workflow. */
  readonly steps: readonly [WorkflowStep, ...WorkflowStep[]];
  readonly traceparent?: string | undefined;
}

/** Starts a chain of steps: instance, first job and outbox row in one transaction. */
export async function startWorkflow(deps: EngineDeps, request: WorkflowRequest): Promise<NewInstance> {
  const id = deps.newId() as InstanceId;
  const [first] = request.steps;
  const firstJob = newJob(deps, {
    type: first.type,
    payload: stepPayload(request.steps, 0, []),
    maxRetries: first.max_retries,
    retry: first.retry,
    traceparent: request.traceparent,
    step: { instanceId: id, index: 0 },
  });
  const instance: NewInstance = {
    id,
    name: request.name,
    steps: request.steps,
    createdAt: firstJob.createdAt,
    firstJob,
    ...defined({ foreignId: request.foreignId }),
  };
  await deps.store.start([instance]);
  return instance;
}
