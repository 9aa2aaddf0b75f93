import { Agent, request } from 'node:http';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { pipeline } from '../../../cli/dev/load/plan.ts';
import { WorkflowEngine } from '../../../events/generated/workflow/v1/workflow_engine_pb.js';
import { JOB_TYPES, job, RETRIES, type Shape } from './shapes.ts';

/** Where the API of a run listens. */
export interface Addresses {
  readonly apiUrl: string;
  readonly grpcUrl: string;
}

export const protocolIds = ['api', 'rest', 'grpc'] as const;
type ProtocolId = (typeof protocolIds)[number];

/** @returns whether the request with this number was accepted */
export type Send = (index: number) => Promise<boolean>;

export interface Protocol {
  readonly id: ProtocolId;
  readonly name: string;
  open(addresses: Addresses, kind: Shape['kind']): Promise<{ readonly send: Send; close(): void }>;
}

/** A job is an instance of one task where the protocol knows nothing smaller. */
export const protocols: readonly Protocol[] = [
  {
    id: 'api',
    name: '/api/v1',
    async open({ apiUrl }, kind) {
      const { post, close } = openHttp(apiUrl);
      const body = (index: number) =>
        kind === 'workflows' ? pipeline(index) : { ...job(index), max_retries: RETRIES };
      return { send: (index) => post(`/api/v1/${kind}`, body(index)), close };
    },
  },
  {
    id: 'rest',
    name: 'REST /v1',
    async open({ apiUrl }, kind) {
      const { post, close } = openHttp(apiUrl);
      await upload(apiUrl);
      return { send: (index) => post('/v1/instances', instance(index, kind)), close };
    },
  },
  {
    id: 'grpc',
    name: 'gRPC',
    async open({ apiUrl, grpcUrl }, kind) {
      const engine = createClient(WorkflowEngine, createGrpcTransport({ baseUrl: grpcUrl }));
      await upload(apiUrl);
      const send = (index: number) =>
        engine.startInstance(instance(index, kind)).then(
          () => true,
          () => false,
        );
      return { send, close: () => undefined };
    },
  },
];

/** Over connections that stay open, as many as the load tests of the seed take. */
function openHttp(url: string) {
  const agent = new Agent({ keepAlive: true, maxSockets: 400 });
  const { hostname, port } = new URL(url);
  const post = (path: string, body: object) =>
    new Promise<boolean>((resolve) => {
      const outgoing = request({ agent, hostname, port, path, method: 'POST' }, (answer) => {
        answer.resume();
        answer.once('end', () => resolve(answer.statusCode === 201));
      });
      outgoing.once('error', () => resolve(false));
      outgoing.end(JSON.stringify(body));
    });
  return { post, close: () => agent.destroy() };
}

const PIPELINE = ['transform', 'compute', 'notify'] as const;

function instance(index: number, kind: Shape['kind']) {
  if (kind === 'workflows') {
    const variables = { source: 'database', table: `events_${index % 100}`, iterations: 500 };
    return { definitionId: 'bench-pipeline', variables };
  }
  const { type, payload } = job(index);
  return { definitionId: `bench-${type}`, variables: payload };
}

/** Its definitions: one of a single task for each type of job, and the pipeline. */
async function upload(apiUrl: string): Promise<void> {
  const definitions = [
    ...JOB_TYPES.map((type) => chain(`bench-${type}`, [type])),
    chain('bench-pipeline', PIPELINE),
  ];
  for (const definition of definitions) {
    const body = JSON.stringify(definition);
    const answer = await fetch(`${apiUrl}/v1/definitions`, { method: 'POST', body });
    if (!answer.ok) throw new Error(`${definition.id} was not taken: ${await answer.text()}`);
  }
}

function chain(id: string, types: readonly string[]) {
  const task = (jobType: string, at: number) => ({
    ...{ id: `step-${at}`, name: jobType, type: 'SERVICE_TASK', jobType, retryCount: RETRIES },
    nextStep: at + 1 < types.length ? `step-${at + 1}` : 'end',
  });
  return { id, name: id, steps: [...types.map(task), { id: 'end', name: 'End', type: 'END' }] };
}
