import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import {
  InstanceStatus,
  type WorkflowEngine,
} from '../../events/generated/workflow/v1/workflow_engine_pb.js';
import type { Scope } from '../auth/scopes.ts';
import type { App } from '../compose.ts';
import { bad } from '../http/rochallor/body.ts';
import { appFor } from '../rochallor/callers.ts';
import * as definitions from '../rochallor/definitions.ts';
import { instanceWords } from '../rochallor/instance-view.ts';
import * as instances from '../rochallor/instances.ts';
import { errorText, extendLease, settleJob, takeJobs, UNNAMED } from '../rochallor/jobs.ts';
import { completeUserTask, retryStep, signalWait } from '../rochallor/steps.ts';
import { definitionMessage, documentOf, uploadedMessage } from './definition-message.ts';
import { answered } from './faults.ts';
import { executionMessage, instanceMessage, jobMessage, required, variablesText } from './messages.ts';

/** `workflow.v1.WorkflowEngine` over what the REST dialect calls, too. */
export const engineService: ServiceImpl<typeof WorkflowEngine> = {
  uploadDefinition: served('admin', async (app, { definition }) => {
    if (!definition) throw bad('definition is required');
    return uploadedMessage(await definitions.upload(app, documentOf(definition)));
  }),
  getDefinition: served('read', async (app, { id, version }) => ({
    definition: definitionMessage(await definitions.getDefinition(app, required(id, 'id'), version)),
  })),
  listDefinitions: served('read', async (app, { keyword, page, pageSize }) => {
    const query = { keyword: keyword || undefined, page, pageSize };
    const { items, total } = await definitions.listDefinitions(app, query);
    return { definitions: items.map(definitionMessage), total };
  }),
  startInstance: served('enqueue', async (app, request) => ({
    instance: instanceMessage(
      await instances.startInstance(app, {
        definitionId: required(request.definitionId, 'definition_id'),
        definitionVersion: request.definitionVersion,
        variables: variablesText(request.variables),
        businessKey: request.businessKey,
      }),
    ),
  })),
  getInstance: served('read', async (app, { id }) => ({
    instance: instanceMessage(await instances.getInstance(app, required(id, 'id'))),
  })),
  getInstanceHistory: served('read', async (app, { id }) => ({
    executions: (await instances.getHistory(app, required(id, 'id'))).map(executionMessage),
  })),
  cancelInstance: served('admin', async (app, { id, reason }) => ({
    instance: instanceMessage(await instances.cancelInstance(app, required(id, 'id'), reason)),
  })),
  listInstances: served('read', async (app, request) => {
    const { definitionId, businessKey, page, pageSize } = request;
    const { items, total } = await instances.listInstances(app, {
      definitionId: definitionId || undefined,
      status: instanceWords.find((word) => InstanceStatus[word] === request.status),
      businessKey: businessKey || undefined,
      page,
      pageSize,
    });
    return { instances: items.map(instanceMessage), total };
  }),
  pollJobs: served('work', async (app, { workerId, jobTypes, maxJobs, leaseSeconds }, { signal }) => {
    const request = { workerId: workerId || UNNAMED, jobTypes, maxJobs: maxJobs > 0 ? maxJobs : 1 };
    return { jobs: (await takeJobs(app, { ...request, leaseSeconds, gone: signal })).map(jobMessage) };
  }),
  extendJobLease: served('work', async (app, { jobId, workerId, leaseSeconds }) => {
    const lease = { id: required(jobId, 'job_id'), workerId, leaseSeconds };
    return { accepted: true, lockExpiresAt: timestampFromDate(await extendLease(app, lease)) };
  }),
  completeJob: served('work', async (app, { jobId, workerId, variablesToSet }) => {
    await settleJob(app, required(jobId, 'job_id'), () => {
      const end = { kind: 'completed', result: variablesText(variablesToSet) } as const;
      return { workerId, end };
    });
    return {};
  }),
  failJob: served('work', async (app, { jobId, workerId, retryable, errorMessage }) => {
    const end = { kind: 'failed', error: errorText(errorMessage), retryable } as const;
    await settleJob(app, required(jobId, 'job_id'), () => ({ workerId, end }));
    return {};
  }),
  completeUserTask: served('enqueue', async (app, { instanceId, userTaskStepId, result, completedBy }) => {
    await completeUserTask(app, {
      instanceId: required(instanceId, 'instance_id'),
      stepId: required(userTaskStepId, 'user_task_step_id'),
      variables: variablesText(result),
      by: completedBy,
    });
    return {};
  }),
  signalWait: served('enqueue', async (app, { instanceId, waitStepId, variables }) => {
    await signalWait(app, {
      instanceId: required(instanceId, 'instance_id'),
      stepId: required(waitStepId, 'wait_step_id'),
      variables: variablesText(variables),
    });
    return {};
  }),
  retryStep: served('admin', async (app, { instanceId, stepId, variables }) => ({
    instance: instanceMessage(
      await retryStep(app, {
        instanceId: required(instanceId, 'instance_id'),
        stepId: required(stepId, 'step_id'),
        variables: variablesText(variables),
      }),
    ),
  })),
};

/** Asks who calls before anything else. */
function served<Request, Response>(
  scope: Scope,
  work: (app: App, request: Request, context: HandlerContext) => Promise<Response>,
): (request: Request, context: HandlerContext) => Promise<Response> {
  return (request, context) =>
    answered(context.method.name, async () => {
      const authorization = context.requestHeader.get('authorization') ?? undefined;
      const caller = { headers: { authorization }, requestContext: { http: { method: 'POST' } } };
      return work(await appFor(caller, scope), request, context);
    });
}
