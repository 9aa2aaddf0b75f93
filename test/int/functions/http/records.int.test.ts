import { randomUUID } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { createPostgresWorkflowRecords } from '../../../../adapters/postgres/workflow-record-store.ts';
import type { NewRecord } from '../../../../engine/ports/workflow-record-store.ts';
import { expectProblem, startApi } from './api.ts';

const api = startApi('polling');
const runs: string[] = [];

async function store(record: Partial<NewRecord> = {}): Promise<string> {
  const runId = randomUUID();
  const outcome = await createPostgresWorkflowRecords(api.database.pool()).store({
    ...{ workflowName: 'order', foreignId: runId, runId, status: 1, runState: 'running', version: 0 },
    object: Buffer.from('{"total":12345678901234567890}'),
    ...record,
  });
  expect(outcome).toEqual({ kind: 'stored', version: 1 });
  return runId;
}

interface Listed {
  readonly records: readonly { readonly run_id: string }[];
  readonly next_cursor: string | null;
}

async function list(query: string): Promise<Listed> {
  const { status, json } = await api.get(`/api/v1/records?${query}`);
  expect(status).toBe(200);
  return json as unknown as Listed;
}

beforeAll(async () => {
  for (let status = 1; status <= 5; status += 1) runs.push(await store({ status }));
});

test('records are listed newest first, by every filter, a page at a time', async () => {
  const invoice = await store({ workflowName: 'invoice', foreignId: 'INV 1', runState: 'paused' });
  const found = async (query: string) => (await list(query)).records.map(({ run_id }) => run_id);
  expect(await found('workflow=order')).toEqual(runs.toReversed());
  expect(await found('workflow=order&order=asc')).toEqual(runs);
  expect(await found('workflow=invoice')).toEqual([invoice]);
  expect(await found('foreign_id=INV%201')).toEqual([invoice]);
  expect(await found('run_state=paused')).toEqual([invoice]);
  expect(await found('workflow=order&status=3')).toEqual([runs[2]]);

  const first = await list('workflow=order&limit=3');
  const second = await list(`workflow=order&limit=3&cursor=${first.next_cursor}`);
  expect([...first.records, ...second.records].map(({ run_id }) => run_id)).toEqual(runs.toReversed());
  expect(second.next_cursor).toBeNull();
});

test('a record is shown with its data to the last digit, and with its bytes where they are not JSON', async () => {
  const { text } = await api.get(`/api/v1/records/${runs[0]?.toUpperCase()}`);
  expect(text).toContain('"object":{"total":12345678901234567890}');
  const binary = await store({ object: Buffer.from([0xff, 0x00]) });
  const { json } = await api.get(`/api/v1/records/${binary}`);
  expect(json).toMatchObject({ object: null, object_base64: '/wA=', run_state: 'running', version: 1 });
});

test('a run is paused, resumed and cancelled, and the audit trail says who and why', async () => {
  const run = await store({ workflowName: 'refund', foreignId: 'R1' });
  const change = async (verb: string, body: object = {}) =>
    (await api.post(`/api/v1/records/${run}/${verb}`, body)).json;
  expect(await change('pause', { actor: 'ada', reason: 'fraud?' })).toMatchObject({
    run_state: 'paused',
    reason: 'fraud?',
    version: 2,
  });
  expectProblem(await api.post(`/api/v1/records/${run}/pause`, {}), 409, 'illegal_transition');
  expect(await change('resume')).toMatchObject({ run_state: 'running', version: 3 });
  expect(await change('cancel')).toMatchObject({ run_state: 'cancelled', version: 4 });
  expectProblem(await api.post(`/api/v1/records/${run}/resume`, {}), 409, 'illegal_transition');

  const { rows } = await api.database
    .pool()
    .query(`select actor, detail from audit_log where action = 'RECORD_CHANGED' order by id`);
  expect(rows).toMatchObject([
    {
      actor: 'ada',
      detail: { change: 'pause', run_id: run, workflow: 'refund', foreign_id: 'R1', reason: 'fraud?' },
    },
    { actor: 'api', detail: { change: 'resume' } },
    { actor: 'api', detail: { change: 'cancel' } },
  ]);
});

test('a run that nobody has is not found, and what is no id is said to be none', async () => {
  expectProblem(await api.get(`/api/v1/records/${randomUUID()}`), 404, 'not_found');
  expectProblem(await api.post(`/api/v1/records/${randomUUID()}/cancel`, {}), 404, 'not_found');
  expectProblem(await api.get('/api/v1/records/42'), 400, 'invalid_request');
  expectProblem(await api.get('/api/v1/records?status=first'), 400, 'invalid_request');
  expectProblem(await api.get('/api/v1/records?cursor=nonsense'), 400, 'invalid_request');
});
