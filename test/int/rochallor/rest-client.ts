import type { Answer, Api } from '../functions/http/api.ts';
import { type Client, type DialectJob, type Execution, type Instance, Refusal } from './client.ts';
import type { WorkflowDocument } from './definitions.ts';

const KINDS = { 400: 'invalid', 404: 'missing', 409: 'conflict' } as const;

export function restClient(api: Api): Client {
  const post = async (path: string, body: unknown = {}) => accepted(await api.post(`/v1/${path}`, body));
  const get = async (path: string) => accepted(await api.get(`/v1/${path}`));
  return {
    async upload(definition) {
      const { id, version } = await post('definitions', definition);
      return { id: String(id), version: Number(version) };
    },
    async definition(id, version) {
      const path = `definitions/${encodeURIComponent(id)}`;
      const told: unknown = await get(version === undefined ? path : `${path}/versions/${version}`);
      return told as WorkflowDocument;
    },
    async definitions(keyword) {
      const { items, total } = await get(`definitions?keyword=${encodeURIComponent(keyword)}`);
      return { total: Number(total), ids: ((items ?? []) as { id: string }[]).map(({ id }) => id) };
    },
    start: async (id, { variables, businessKey }) =>
      instanceOf(await post('instances', { definitionId: id, variables, businessKey })),
    instance: async (id) => instanceOf(await get(`instances/${id}`)),
    async instances(query) {
      const { items, total } = await get(`instances?${new URLSearchParams({ ...query })}`);
      return { total: Number(total), items: ((items ?? []) as Answer['json'][]).map(instanceOf) };
    },
    async history(id) {
      const { items } = await get(`instances/${id}/history`);
      return ((items ?? []) as Answer['json'][]).map(executionOf);
    },
    cancel: async (id, reason) => instanceOf(await post(`instances/${id}/cancel`, { reason })),
    async completeUserTask(id, stepId, variables) {
      await post(`instances/${id}/user-tasks/${stepId}/complete`, { workerId: 'ann', variables });
    },
    async signal(id, stepId, variables) {
      await post(`instances/${id}/signals/${stepId}`, variables);
    },
    async poll(workerId, jobTypes) {
      const { jobs } = await post('jobs/poll', { workerId, jobTypes, maxJobs: 64 });
      return (jobs ?? []) as readonly DialectJob[];
    },
    async complete(jobId, workerId, variables) {
      await post(`jobs/${jobId}/complete`, { workerId, variables });
    },
    async fail(jobId, workerId, failure) {
      await post(`jobs/${jobId}/fail`, { workerId, ...failure });
    },
  };
}

function accepted({ status, text, json }: Answer): Answer['json'] {
  if (status < 300) return json;
  throw new Refusal(KINDS[status as keyof typeof KINDS] ?? 'other', `${status} ${text}`);
}

function instanceOf(json: Answer['json']): Instance {
  return { completedAt: '', failureReason: '', businessKey: '', ...json } as Instance;
}

/** The history has keys with capitals, and null for what is absent. */
function executionOf(json: Answer['json']): Execution {
  return {
    stepId: String(json['StepID']),
    stepType: String(json['StepType']),
    status: String(json['Status']),
    attemptNumber: Number(json['AttemptNumber']),
    failureReason: String(json['FailureReason'] ?? ''),
  };
}
