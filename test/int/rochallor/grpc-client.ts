import { fromJson, type JsonObject, type JsonValue } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Code, type Client as ConnectClient, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import {
  InstanceStatus,
  type StepExecution,
  StepExecutionStatus,
  StepType,
  WorkflowDefinitionSchema,
  WorkflowEngine,
  type WorkflowInstance,
} from '../../../events/generated/workflow/v1/workflow_engine_pb.js';
import {
  type Client,
  type Execution,
  type Instance,
  Refusal,
  type RefusalKind,
  type Variables,
} from './client.ts';
import type { WorkflowDocument } from './definitions.ts';

type EngineClient = ConnectClient<typeof WorkflowEngine>;

const KINDS: Partial<Record<Code, RefusalKind>> = {
  [Code.InvalidArgument]: 'invalid',
  [Code.NotFound]: 'missing',
  [Code.FailedPrecondition]: 'conflict',
};

/** @param url asked for at the first call: the server need not have started before */
export function grpcClient(url: () => string): Client {
  let made: EngineClient | undefined;
  const engine = () => {
    made ??= createClient(WorkflowEngine, createGrpcTransport({ baseUrl: url() }));
    return made;
  };
  return {
    async upload(definition) {
      const { id, version } = await told(engine().uploadDefinition({ definition: messageOf(definition) }));
      return { id, version };
    },
    async definition(id, version = 0) {
      const { definition } = await told(engine().getDefinition({ id, version }));
      const steps = (definition?.steps ?? []).map((step) => ({ ...step, type: StepType[step.type] }));
      return { id: definition?.id ?? '', name: definition?.name ?? '', steps };
    },
    async definitions(keyword) {
      const { definitions, total } = await told(engine().listDefinitions({ keyword }));
      return { total, ids: definitions.map(({ id }) => id) };
    },
    async start(definitionId, { variables, businessKey = '' }) {
      const request = { definitionId, variables: struct(variables), businessKey };
      return instanceOf((await told(engine().startInstance(request))).instance);
    },
    instance: async (id) => instanceOf((await told(engine().getInstance({ id }))).instance),
    async instances({ status, ...query }) {
      const wanted = status === undefined ? {} : { status: InstanceStatus[status] };
      const { instances, total } = await told(engine().listInstances({ ...query, ...wanted }));
      return { total, items: instances.map(instanceOf) };
    },
    async history(id) {
      return (await told(engine().getInstanceHistory({ id }))).executions.map(executionOf);
    },
    cancel: async (id, reason = '') =>
      instanceOf((await told(engine().cancelInstance({ id, reason }))).instance),
    async completeUserTask(instanceId, userTaskStepId, variables = {}) {
      const request = { instanceId, userTaskStepId, completedBy: 'ann', result: struct(variables) };
      await told(engine().completeUserTask(request));
    },
    async signal(instanceId, waitStepId, variables = {}) {
      await told(engine().signalWait({ instanceId, waitStepId, variables: struct(variables) }));
    },
    async retryStep(instanceId, stepId, variables = {}) {
      const request = { instanceId, stepId, variables: struct(variables) };
      return instanceOf((await told(engine().retryStep(request))).instance);
    },
    async poll(workerId, jobTypes) {
      const { jobs } = await told(engine().pollJobs({ workerId, jobTypes: [...jobTypes], maxJobs: 64 }));
      return jobs.map((job) => ({ ...job, variables: job.variables ?? {} }));
    },
    async complete(jobId, workerId, variables) {
      await told(engine().completeJob({ jobId, workerId, variablesToSet: struct(variables) }));
    },
    async fail(jobId, workerId, failure) {
      await told(engine().failJob({ jobId, workerId, ...failure }));
    },
  };
}

async function told<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    const { code, message } = ConnectError.from(error);
    throw new Refusal(KINDS[code] ?? 'other', message);
  }
}

/** The JSON form of the message has the names of the document; only its enums have a prefix. */
function messageOf(document: WorkflowDocument) {
  const json: JsonValue = JSON.parse(JSON.stringify(document), (key, value) => {
    if (key !== 'type') return value;
    return value === 'TIMER' ? 'BOUNDARY_EVENT_TYPE_TIMER' : `STEP_TYPE_${value}`;
  });
  return fromJson(WorkflowDefinitionSchema, json);
}

function struct(variables: Variables): JsonObject {
  return variables as JsonObject;
}

function instanceOf(instance: WorkflowInstance | undefined): Instance {
  if (!instance) throw new Error('the answer has no instance');
  const { completedAt, status, variables } = instance;
  return {
    ...instance,
    status: InstanceStatus[status],
    variables: variables ?? {},
    completedAt: completedAt ? timestampDate(completedAt).toISOString() : '',
  };
}

function executionOf(execution: StepExecution): Execution {
  const { stepType, status } = execution;
  return { ...execution, stepType: StepType[stepType], status: StepExecutionStatus[status] };
}
