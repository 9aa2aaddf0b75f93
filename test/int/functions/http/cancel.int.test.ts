import { describe, expect, test } from 'vitest';
import * as replies from '../../../../functions/http/replies.ts';
import * as workflows from '../../../../functions/http/workflow-replies.ts';
import { claimedJob, expectProblem, startApi } from './api.ts';

const api = startApi('kafka_outbox');

const UNKNOWN = '01a1fd51-a8f9-74ad-a06f-3986a43e21b1';

async function queuedJob(body: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const created = await api.post('/api/v1/jobs', { type: 'noop', payload: {}, ...body });
  expect(created.status).toBe(201);
  return String(created.json['id']);
}

async function jobDetail(id: unknown) {
  return replies.jobDetail.parse((await api.get(`/api/v1/jobs/${id}`)).json);
}

async function startedWorkflow(): Promise<{ id: string; jobId: string }> {
  const steps = [
    { name: 'a', type: 'extract' },
    { name: 'b', type: 'process' },
  ];
  const started = await api.post('/api/v1/workflows', { name: 'w', steps });
  expect(started.status).toBe(201);
  const { id } = workflows.startedWorkflow.parse(started.json);
  const view = await workflow(id);
  return { id, jobId: String(view.steps[0]?.job_id) };
}

async function workflow(id: unknown) {
  return workflows.workflow.parse((await api.get(`/api/v1/workflows/${id}`)).json);
}

async function claim(id: string): Promise<string> {
  const claim = await api.post(`/api/v1/jobs/${id}/claim`, { worker_id: 'w' });
  expect(claim.status).toBe(200);
  return String(claim.json['token']);
}

describe('cancelling a job', () => {
  test.each([
    ['queued', {}],
    ['pending', { run_at: '2999-01-01T00:00:00Z' }],
  ])('that is %s ends it, and nobody can claim it any more', async (from, body) => {
    const id = await queuedJob(body);
    const cancelled = await api.post(`/api/v1/jobs/${id}/cancel`, { reason: 'no use', actor: 'ada' });

    expect(cancelled.status).toBe(200);
    expect(replies.job.parse(cancelled.json)).toMatchObject({ id, status: 'cancelled' });
    expectProblem(await api.post(`/api/v1/jobs/${id}/claim`, { worker_id: 'w' }), 409, 'illegal_transition');
    expect((await jobDetail(id)).audit).toMatchObject([
      { action: 'JOB_CANCELLED', actor: 'ada', detail: { from, reason: 'no use' } },
    ]);
  });

  test('that is running takes its lease: the heartbeat is told, and the result is refused', async () => {
    const { id, token } = await claimedJob(api);
    expect((await api.raw({ method: 'POST', path: `/api/v1/jobs/${id}/cancel` })).status).toBe(200);

    const beat = await api.post('/api/v1/jobs/heartbeat', { jobs: [{ id, token }] });
    expect(replies.heartbeats.parse(beat.json).results).toEqual([
      { id, outcome: 'lost', status: 'cancelled' },
    ]);
    expectProblem(await api.post(`/api/v1/jobs/${id}/complete`, { token }), 409, 'stale_token');
    const detail = await jobDetail(id);
    expect(detail).toMatchObject({ status: 'cancelled', result: null });
    expect(detail.attempts).toMatchObject([{ attempt: 1, error: 'Cancelled.' }]);
    expect(detail.audit.map(({ action }) => action)).toEqual(['JOB_CANCELLED', 'LATE_RESULT_REFUSED']);
  });

  test('that waits for its retry keeps it from coming', async () => {
    const { id, token } = await claimedJob(api);
    await api.post(`/api/v1/jobs/${id}/fail`, { token, error: 'no' });
    expect((await api.post(`/api/v1/jobs/${id}/cancel`, {})).json).toMatchObject({ status: 'cancelled' });
  });

  test('that has ended is refused with both states, and one that is not there is not found', async () => {
    const { id, token } = await claimedJob(api);
    await api.post(`/api/v1/jobs/${id}/complete`, { token });
    const late = await api.post(`/api/v1/jobs/${id}/cancel`, {});
    expectProblem(late, 409, 'illegal_transition');
    expect(late.json).toMatchObject({ from: 'completed', to: 'cancelled' });
    expect(late.json['detail']).toContain('completed → cancelled');

    const other = await queuedJob();
    await api.post(`/api/v1/jobs/${other}/cancel`, {});
    const again = await api.post(`/api/v1/jobs/${other}/cancel`, {});
    expect(again.json['detail']).toContain('cancelled → cancelled');
    expectProblem(await api.post(`/api/v1/jobs/${UNKNOWN}/cancel`, {}), 404, 'not_found');
    expectProblem(await api.post('/api/v1/jobs/1/cancel', {}), 400, 'invalid_request', ['id']);
    expectProblem(await api.post(`/api/v1/jobs/${other}/cancel`, { why: 1 }), 400, 'invalid_request', [
      'why',
    ]);
  });

  test('while it completes lets exactly one of the two win, 50 times', async () => {
    for (let round = 0; round < 50; round += 1) {
      const { id, token } = await claimedJob(api);
      const [cancel, complete] = await Promise.all([
        api.post(`/api/v1/jobs/${id}/cancel`, {}),
        api.post(`/api/v1/jobs/${id}/complete`, { token, result: 1 }),
      ]);
      expect([cancel.status, complete.status].sort()).toEqual([200, 409]);
      const { status, result } = await jobDetail(id);
      expect([status, result]).toEqual(cancel.status === 200 ? ['cancelled', null] : ['completed', 1]);
    }
  });
});

describe('cancelling a workflow', () => {
  test('ends it and its open job together, with the reason', async () => {
    const { id, jobId } = await startedWorkflow();
    const cancelled = await api.post(`/api/v1/workflows/${id}/cancel`, { reason: 'changed my mind' });

    expect(cancelled.status).toBe(200);
    const view = workflows.workflow.parse(cancelled.json);
    expect(view).toMatchObject({ status: 'cancelled', failure_reason: 'changed my mind' });
    expect(view.steps.map(({ status }) => status)).toEqual(['cancelled', 'pending']);
    expect(view.completed_at).not.toBeNull();
    expectProblem(
      await api.post(`/api/v1/jobs/${jobId}/claim`, { worker_id: 'w' }),
      409,
      'illegal_transition',
    );
  });

  test('that has ended is refused, and one that is not there is not found', async () => {
    const { id } = await startedWorkflow();
    await api.post(`/api/v1/workflows/${id}/cancel`, {});
    const again = await api.post(`/api/v1/workflows/${id}/cancel`, {});
    expectProblem(again, 409, 'workflow_ended');
    expect(again.json['detail']).toContain('cancelled → cancelled');
    expectProblem(await api.post(`/api/v1/workflows/${UNKNOWN}/cancel`, {}), 404, 'not_found');
  });

  test('happens too when its step is cancelled', async () => {
    const { id, jobId } = await startedWorkflow();
    const token = await claim(jobId);
    expect((await api.post(`/api/v1/jobs/${jobId}/cancel`, { reason: 'no' })).json).toMatchObject({
      status: 'cancelled',
    });
    expect(await workflow(id)).toMatchObject({
      status: 'cancelled',
      failure_reason: 'Step "a" was cancelled: no',
    });
    expectProblem(await api.post(`/api/v1/jobs/${jobId}/complete`, { token }), 409, 'stale_token');
  });

  test('while a step completes never leaves a step to run, 50 times', async () => {
    for (let round = 0; round < 50; round += 1) {
      const { id, jobId } = await startedWorkflow();
      const token = await claim(jobId);
      const [cancel, complete] = await Promise.all([
        api.post(`/api/v1/workflows/${id}/cancel`, {}),
        api.post(`/api/v1/jobs/${jobId}/complete`, { token, result: 1 }),
      ]);
      // There are two steps, so the cancel always finds something to end.
      expect(cancel.status).toBe(200);
      const view = await workflow(id);
      expect(view.status).toBe('cancelled');
      const states = view.steps.map(({ status, job_id }) => (job_id === null ? 'none' : status));
      expect(states).toEqual(complete.status === 200 ? ['completed', 'cancelled'] : ['cancelled', 'none']);
    }
  });
});

describe('the list of workflows', () => {
  test('is newest first, meets each once, and filters', async () => {
    const name = 'listed';
    const steps = [{ name: 'a', type: 'noop' }];
    const ids: string[] = [];
    for (const foreign_id of ['one', 'two', 'two']) {
      const { json } = await api.post('/api/v1/workflows', { name, foreign_id, steps });
      ids.push(String(json['id']));
    }
    await api.post(`/api/v1/workflows/${ids[0]}/cancel`, {});
    const page = async (query: string) =>
      workflows.workflowPage.parse((await api.get(`/api/v1/workflows?name=${name}&${query}`)).json);
    const idsOf = async (query: string) => (await page(query)).workflows.map(({ id }) => id);

    const first = await page('limit=2');
    expect(first.workflows.map(({ id }) => id)).toEqual([ids[2], ids[1]]);
    const second = await page(`limit=2&cursor=${first.next_cursor}`);
    expect(second).toMatchObject({ workflows: [{ id: ids[0], total_steps: 1 }], next_cursor: null });
    expect(await idsOf('status=cancelled')).toEqual([ids[0]]);
    expect(await idsOf('foreign_id=two&status=running')).toEqual([ids[2], ids[1]]);
    expectProblem(await api.get('/api/v1/workflows?status=done'), 400, 'invalid_request', ['status']);
    expectProblem(await api.get('/api/v1/workflows?cursor=x'), 400, 'invalid_request', ['cursor']);
  });
});
