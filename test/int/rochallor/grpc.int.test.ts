import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type GrpcServer, startGrpcServer } from '../../../cli/dev/grpc-server.ts';
import { Health } from '../../../events/generated/grpc/health/v1/health_pb.js';
import { ServerReflection } from '../../../events/generated/grpc/reflection/v1/reflection_pb.js';
import {
  BoundaryEventType,
  InstanceStatus,
  StepExecutionStatus,
  StepType,
  WorkflowEngine,
} from '../../../events/generated/workflow/v1/workflow_engine_pb.js';
import { startApi } from '../functions/http/api.ts';

startApi('polling');
let server: GrpcServer;
beforeAll(async () => {
  server = await startGrpcServer({ port: 0, host: '127.0.0.1' });
});
afterAll(() => server.stop());

const transports: readonly (readonly [string, (baseUrl: string) => Transport])[] = [
  ['gRPC', (baseUrl) => createGrpcTransport({ baseUrl })],
  ['gRPC-Web', (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: '1.1' })],
  ['Connect', (baseUrl) => createConnectTransport({ baseUrl, httpVersion: '1.1' })],
];

const serviceTask = (id: string, nextStep: string) => ({
  id,
  name: id,
  type: StepType.SERVICE_TASK,
  jobType: id,
  nextStep,
});
const end = { id: 'end', name: 'End', type: StepType.END };

async function codeOf(call: Promise<unknown>): Promise<Code> {
  try {
    await call;
  } catch (error) {
    return ConnectError.from(error).code;
  }
  throw new Error('the call was answered');
}

describe.each(transports)('over %s', (name, transportTo) => {
  const client = () => createClient(WorkflowEngine, transportTo(server.url));
  const id = `grpc::${name}`;
  const type = `work-${name}`;

  test('a definition is uploaded and told again with its steps', async () => {
    const definition = {
      id,
      name: 'Over gRPC',
      metadata: { team: 'a' },
      steps: [
        { ...serviceTask(type, 'ask'), retryCount: 2 },
        {
          id: 'ask',
          name: 'Ask',
          type: StepType.USER_TASK,
          nextStep: 'hold',
          boundaryEvents: [
            { type: BoundaryEventType.TIMER, duration: 'PT1H', interrupting: true, targetStepId: 'end' },
          ],
        },
        { id: 'hold', name: 'Hold', type: StepType.WAIT, nextStep: 'end' },
        end,
      ],
    };
    const uploaded = await client().uploadDefinition({ definition });
    expect(uploaded).toMatchObject({ id, version: 1 });
    const { definition: told } = await client().getDefinition({ id });
    expect(told).toMatchObject({ id, version: 1, metadata: { team: 'a' } });
    expect(told?.steps.map(({ type: kind, retryCount }) => [kind, retryCount])).toEqual([
      [StepType.SERVICE_TASK, 2],
      [StepType.USER_TASK, 0],
      [StepType.WAIT, 0],
      [StepType.END, 0],
    ]);
    expect(told?.steps[1]?.boundaryEvents).toMatchObject([{ duration: 'PT1H', interrupting: true }]);
    expect(await client().listDefinitions({ keyword: id })).toMatchObject({
      total: 1,
      definitions: [{ id }],
    });
  });

  test('an instance runs through its job, its user task and its signal', async () => {
    const engine = client();
    const started = await engine.startInstance({
      definitionId: id,
      variables: { n: 1.5, list: ['a', null] },
      businessKey: `key-${name}`,
    });
    const instanceId = started.instance?.id ?? '';
    expect(started.instance).toMatchObject({ status: InstanceStatus.ACTIVE, currentStepIds: [type] });
    const { jobs } = await engine.pollJobs({ workerId: 'w', jobTypes: [type] });
    expect(jobs).toMatchObject([
      { jobType: type, instanceId, retriesRemaining: 2, variables: { n: 1.5, list: ['a', null] } },
    ]);
    const jobId = jobs[0]?.id ?? '';
    const extended = await engine.extendJobLease({ jobId, workerId: 'w', leaseSeconds: 600 });
    expect(extended.accepted).toBe(true);
    expect(extended.lockExpiresAt?.seconds).toBeGreaterThan(jobs[0]?.lockExpiresAt?.seconds ?? 0n);
    expect(await codeOf(engine.extendJobLease({ jobId, workerId: 'another' }))).toBe(Code.FailedPrecondition);
    await engine.completeJob({ jobId, workerId: 'w', variablesToSet: { done: true } });
    expect(await codeOf(engine.extendJobLease({ jobId, workerId: 'w' }))).toBe(Code.FailedPrecondition);
    expect((await engine.getInstance({ id: instanceId })).instance?.status).toBe(InstanceStatus.WAITING);
    await engine.completeUserTask({ instanceId, userTaskStepId: 'ask', result: { yes: true } });
    await engine.signalWait({ instanceId, waitStepId: 'hold' });
    const { instance } = await engine.getInstance({ id: instanceId });
    expect(instance).toMatchObject({
      status: InstanceStatus.COMPLETED,
      variables: { n: 1.5, done: true, yes: true },
      businessKey: `key-${name}`,
    });
    expect(instance?.completedAt).toBeDefined();
    const { executions } = await engine.getInstanceHistory({ id: instanceId });
    expect(executions.every(({ status }) => status === StepExecutionStatus.COMPLETED)).toBe(true);
    const found = await engine.listInstances({ definitionId: id, status: InstanceStatus.COMPLETED });
    expect(found).toMatchObject({ total: 1, instances: [{ id: instanceId }] });
  });

  test('a job fails for good, and an instance is cancelled', async () => {
    const engine = client();
    const failing = await engine.startInstance({ definitionId: id });
    const { jobs } = await engine.pollJobs({ workerId: 'w', jobTypes: [type], maxJobs: 5 });
    await engine.failJob({ jobId: jobs[0]?.id ?? '', workerId: 'w', errorMessage: 'no', retryable: false });
    const { instance } = await engine.getInstance({ id: failing.instance?.id ?? '' });
    expect(instance).toMatchObject({ status: InstanceStatus.FAILED });
    const other = await engine.startInstance({ definitionId: id });
    const cancelled = await engine.cancelInstance({ id: other.instance?.id ?? '', reason: 'enough' });
    expect(cancelled.instance).toMatchObject({ status: InstanceStatus.CANCELLED, failureReason: 'enough' });
    expect(await codeOf(engine.cancelInstance({ id: other.instance?.id ?? '' }))).toBe(
      Code.FailedPrecondition,
    );
  });

  test('refusals have the statuses of the protocol', async () => {
    const engine = client();
    expect(await codeOf(engine.uploadDefinition({}))).toBe(Code.InvalidArgument);
    expect(await codeOf(engine.uploadDefinition({ definition: { id: 'x' } }))).toBe(Code.InvalidArgument);
    expect(await codeOf(engine.getDefinition({ id: 'nothing' }))).toBe(Code.NotFound);
    expect(await codeOf(engine.getInstance({ id: 'nothing' }))).toBe(Code.NotFound);
    expect(await codeOf(engine.startInstance({}))).toBe(Code.InvalidArgument);
    expect(await codeOf(engine.completeJob({ jobId: 'nothing', workerId: 'w' }))).toBe(Code.NotFound);
  });
});

test('health and reflection answer, and reflection gives all that the service is made of', async () => {
  const transport = createGrpcTransport({ baseUrl: server.url });
  const health = createClient(Health, transport);
  expect(await health.check({ service: WorkflowEngine.typeName })).toMatchObject({ status: 1 });
  expect(await codeOf(health.check({ service: 'nothing' }))).toBe(Code.NotFound);
  async function* asked() {
    yield { messageRequest: { case: 'listServices', value: '' } } as const;
    yield {
      messageRequest: { case: 'fileContainingSymbol', value: 'workflow.v1.WorkflowEngine.PollJobs' },
    } as const;
    yield { messageRequest: { case: 'fileByFilename', value: 'nothing.proto' } } as const;
  }
  const answers = [];
  for await (const answer of createClient(ServerReflection, transport).serverReflectionInfo(asked())) {
    answers.push(answer.messageResponse);
  }
  const [services, file, nothing] = answers;
  if (services?.case !== 'listServicesResponse') throw new Error('no list of services');
  expect(services.value.service.map(({ name }) => name)).toContain('workflow.v1.WorkflowEngine');
  if (file?.case !== 'fileDescriptorResponse') throw new Error('no file');
  const files = file.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
  const registry = createFileRegistry({
    $typeName: 'google.protobuf.FileDescriptorSet',
    file: files.toReversed(),
  });
  expect(registry.getService('workflow.v1.WorkflowEngine')?.methods).toHaveLength(15);
  expect(nothing?.case).toBe('errorResponse');
});

test('curl needs nothing but JSON', async () => {
  const { stdout } = await promisify(execFile)('curl', [
    ...['-s', '-H', 'content-type: application/json', '-d', '{"keyword":"none"}'],
    `${server.url}/workflow.v1.WorkflowEngine/ListDefinitions`,
  ]);
  expect(JSON.parse(stdout)).toEqual({});
});
