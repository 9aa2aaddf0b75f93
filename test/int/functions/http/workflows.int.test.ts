import { describe, expect, test } from 'vitest';
import * as workflows from '../../../../functions/http/workflow-replies.ts';
import { expectProblem, startApi } from './api.ts';

const api = startApi('kafka_outbox');

const UNKNOWN = '01a1fd51-a8f9-74ad-a06f-3986a43e21b1';

async function workflow(id: unknown) {
  const answer = await api.get(`/api/v1/workflows/${id}`);
  expect(answer.status).toBe(200);
  return { text: answer.text, view: workflows.workflow.parse(answer.json) };
}

describe('a workflow', () => {
  test('runs its steps in turn, each with what the earlier ones returned, byte for byte', async () => {
    const started = await api.post(
      '/api/v1/workflows',
      '{"name":"pipeline","foreign_id":"order-7","steps":[{"name":"a","type":"extract","payload":{"2":1.0,"1":1},"max_retries":2},{"name":"b","type":"process"}]}',
    );
    expect(started.status).toBe(201);
    const { id } = workflows.startedWorkflow.parse(started.json);
    expect(started.json).toMatchObject({
      name: 'pipeline',
      foreign_id: 'order-7',
      status: 'running',
      current_step: 0,
      total_steps: 2,
    });

    const first = await workflow(id);
    expect(first.text).toContain('"payload":{"2":1.0,"1":1}');
    expect(first.view.steps).toMatchObject([
      { name: 'a', status: 'queued', attempt: 0, max_retries: 2, output: null },
      { name: 'b', status: 'pending', job_id: null, max_retries: 3, payload: {} },
    ]);

    await finish(first.view.steps[0]?.job_id, '{"n":12345678901234567890}');
    const second = await workflow(id);
    expect(second.view).toMatchObject({ status: 'running', current_step: 1 });
    expect(second.text).toContain('"output":{"n":12345678901234567890}');
    const claimed = await finish(second.view.steps[1]?.job_id, '"done"');
    expect(claimed).toContain('"payload":{"outputs":{"a":{"n":12345678901234567890}}}');
    expect(claimed).toContain(`"workflow_id":"${id}"`);

    const last = await workflow(id);
    expect(last.view).toMatchObject({ status: 'completed', current_step: 2, failure_reason: null });
    expect(last.view.completed_at).not.toBeNull();
    expect(last.view.steps.map(({ status, output }) => [status, output])).toMatchObject([
      ['completed', { n: expect.any(Number) }],
      ['completed', 'done'],
    ]);
  });

  test('fails with the step that fails for good, and says why', async () => {
    const started = await api.post('/api/v1/workflows', {
      name: 'w',
      steps: [{ name: 'a', type: 'noop', max_retries: 0 }],
    });
    const { view } = await workflow(started.json['id']);
    const id = view.steps[0]?.job_id;
    const claim = await api.post(`/api/v1/jobs/${id}/claim`, { worker_id: 'w' });
    await api.post(`/api/v1/jobs/${id}/fail`, { token: claim.json['token'], error: 'it broke' });

    const failed = await workflow(started.json['id']);
    expect(failed.view).toMatchObject({ status: 'failed', failure_reason: 'Step "a" failed: it broke' });
    expect(failed.view.steps[0]).toMatchObject({ status: 'dead_letter', attempt: 1, error: 'it broke' });
  });

  test('is refused with every fault named, and nothing written', async () => {
    const before = await api.written();
    const step = { name: 'a', type: 'noop' };
    const refused = [
      [{ name: 'w', steps: [step, step] }, ['steps[1].name']],
      [{ name: 'w', steps: [{ ...step, payload: { outputs: 1 } }] }, ['steps[0].payload.outputs']],
      [
        {
          name: 'w',
          steps: [
            { ...step, payload: [1] },
            { ...step, name: 'b', extra: 1 },
          ],
        },
        ['steps[0].payload', 'steps[1].extra'],
      ],
      [{ name: 'w', steps: [{ ...step, payload: { a: '\0' } }] }, ['steps[0].payload']],
      [{ steps: [] }, ['name', 'steps']],
      [{ name: 'w', steps: Array.from({ length: 1001 }, (_, n) => ({ ...step, name: `${n}` })) }, ['steps']],
    ] as const;
    for (const [body, fields] of refused) {
      expectProblem(await api.post('/api/v1/workflows', body), 400, 'invalid_request', [...fields]);
    }
    const unknown = await api.post('/api/v1/workflows', {
      name: 'w',
      steps: [step, { name: 'b', type: 'nope' }],
    });
    expectProblem(unknown, 422, 'unknown_job_type', ['steps[1].type']);
    expect(await api.written()).toBe(before);
  });

  test('is not found under an id that is none', async () => {
    expectProblem(await api.get('/api/v1/workflows/1'), 400, 'invalid_request', ['id']);
    expectProblem(await api.get(`/api/v1/workflows/${UNKNOWN}`), 404, 'not_found');
  });
});

/** @returns what the claimant was told */
async function finish(id: string | null | undefined, result: string): Promise<string> {
  const claim = await api.post(`/api/v1/jobs/${id}/claim`, { worker_id: 'w' });
  expect(claim.status).toBe(200);
  const body = `{"token":"${claim.json['token']}","result":${result}}`;
  expect((await api.post(`/api/v1/jobs/${id}/complete`, body)).status).toBe(200);
  return claim.text;
}
