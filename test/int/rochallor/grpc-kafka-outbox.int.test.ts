import { randomUUID } from 'node:crypto';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type GrpcServer, startGrpcServer } from '../../../cli/dev/grpc-server.ts';
import {
  InstanceStatus,
  StepType,
  WorkflowEngine,
} from '../../../events/generated/workflow/v1/workflow_engine_pb.js';
import { startApi } from '../functions/http/api.ts';

const api = startApi('kafka_outbox');
let server: GrpcServer;
beforeAll(async () => {
  server = await startGrpcServer({ port: 0, host: '127.0.0.1' });
});
afterAll(() => server.stop());

const client = () => createClient(WorkflowEngine, createGrpcTransport({ baseUrl: server.url }));

/** @returns the instance, and its job as a consumer of the topic would get it */
async function begun(): Promise<{ instanceId: string; jobId: string }> {
  const engine = client();
  const task = { id: 'work', name: 'Work', type: StepType.SERVICE_TASK, jobType: 'work', nextStep: 'end' };
  const steps = [task, { id: 'end', name: 'End', type: StepType.END }];
  await engine.uploadDefinition({ definition: { id: 'consumed', name: 'Consumed', steps } });
  const { instance } = await engine.startInstance({ definitionId: 'consumed' });
  const instanceId = instance?.id ?? '';
  const { rows } = await api.database
    .pool()
    .query<{ id: string }>('select id from jobs where instance_id = $1', [instanceId]);
  return { instanceId, jobId: rows[0]?.id ?? '' };
}

const statusOf = async (id: string) => (await client().getInstance({ id })).instance?.status;

test('jobs cannot be polled, and the refusal says where they are', async () => {
  const refused = await client()
    .pollJobs({ workerId: 'w', jobTypes: ['work'] })
    .catch((error: unknown) => ConnectError.from(error));
  expect(refused).toMatchObject({
    code: Code.FailedPrecondition,
    rawMessage:
      'engine runs in kafka_outbox dispatch mode; the poll path is disabled. Workers must consume directly from Kafka.',
  });
});

test('a job that came through Kafka is completed without a claim, and again without effect', async () => {
  const { instanceId, jobId } = await begun();
  const complete = (by: string) => client().completeJob({ jobId, workerId: 'w', variablesToSet: { by } });
  await complete('the first');
  await complete('the second');
  const { instance } = await client().getInstance({ id: instanceId });
  expect(instance).toMatchObject({ status: InstanceStatus.COMPLETED, variables: { by: 'the first' } });
});

test('a job that came through Kafka is failed without a claim', async () => {
  const { instanceId, jobId } = await begun();
  await client().failJob({ jobId, workerId: 'w', errorMessage: 'no good', retryable: false });
  expect(await statusOf(instanceId)).toBe(InstanceStatus.FAILED);
});

test('a result that comes too late, or for a job that is gone, is answered, and changes nothing', async () => {
  const { instanceId, jobId } = await begun();
  await client().failJob({ jobId, workerId: 'w', errorMessage: 'no good', retryable: false });
  await client().completeJob({ jobId, workerId: 'late', variablesToSet: { by: 'late' } });
  await client().completeJob({ jobId: randomUUID(), workerId: 'late' });
  const { instance } = await client().getInstance({ id: instanceId });
  expect(instance).toMatchObject({ status: InstanceStatus.FAILED, variables: {} });
});
