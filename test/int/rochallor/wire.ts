import { describe, expect, test } from 'vitest';
import { definition, end, task } from './definitions.ts';
import type { DialectStack } from './stack.ts';

/** Status codes, names and absences, as clients of the original rely on. */
export function testWire({ mode, api, get, post, start, until }: DialectStack): void {
  const upload = (document: object) => post('definitions', document);

  describe(`the /v1 of mode ${mode}`, () => {
    test('gives an uploaded definition its next version, and a known one its own', async () => {
      const flow = definition([task('step-one', 'end')], { metadata: { z: 1, a: [{}] } });
      const first = await upload(flow);
      expect(first.status).toBe(201);
      expect(Object.keys(first.json)).toEqual(['id', 'version', 'name', 'uploadedAt']);
      const second = await upload({ ...flow, name: 'Another' });
      expect([first, second, await upload(flow)].map(({ json }) => json['version'])).toEqual([1, 2, 1]);
      const one = await get(`definitions/${encodeURIComponent(flow.id)}/versions/1`);
      expect(one.json).toEqual({ ...flow, version: 1 });
      expect((await get(`definitions/${flow.id}`)).json).toMatchObject({ version: 2, name: 'Another' });
      const list = await get(`definitions?keyword=${flow.id.toUpperCase()}&page=0&pageSize=1`);
      expect(list.json).toMatchObject({ total: 1, items: [{ id: flow.id, version: 2 }] });
      expect((await get('definitions?page=9999')).json).toMatchObject({ items: null });
    });

    test.each([
      ['a document with an unknown field', JSON.stringify({ id: 'x', name: 'x', steps: [end], foo: 1 }), 400],
      [
        'steps that lead nowhere',
        JSON.stringify({ id: 'x', name: 'x', steps: [{ ...end, nextStep: 'y' }] }),
        400,
      ],
      ['what is no JSON', '{', 400],
      ['no body', '', 400],
    ])('refuses %s in its envelope', async (_, text, status) => {
      const answer = await post('definitions', text);
      expect(answer.status).toBe(status);
      expect(answer.json).toEqual({ error: 'bad-request', reason: expect.any(String) });
      expect(answer.text.endsWith('\n')).toBe(true);
    });

    test('names every fault of a definition on a line of its own', async () => {
      const answer = await upload({ id: 'a b', name: '', steps: [{ ...end, name: '' }] });
      expect(answer.json['reason']).toBe(
        'validation error: validation errors:\n  id "a b" must match ^[A-Za-z0-9_:\\-]+$\n  name is required\n  step "end": name is required',
      );
    });

    test('does not take XML', async () => {
      const answer = await api.post('/v1/definitions', '<a/>', { 'content-type': 'application/xml' });
      expect(answer.status).toBe(415);
      expect(answer.json['error']).toBe('unsupported-format');
    });

    test.each([
      ['an instance of nothing', 'instances', {}, 400],
      ['an instance of an unknown definition', 'instances', { definitionId: 'zz' }, 404],
      ['variables that are a list', 'instances', { definitionId: 'zz', variables: [1] }, 400],
      ['a cancel of an unknown instance', 'instances/nope/cancel', {}, 404],
      ['a poll without a worker', 'jobs/poll', { jobTypes: ['a'] }, 400],
      ['a poll without types', 'jobs/poll', { workerId: 'w', jobTypes: [] }, 400],
      ['the result of an unknown job', 'jobs/nope/complete', { workerId: 'w' }, 404],
      ['a result without a body', 'jobs/0190f0f0-0000-7000-8000-000000000000/complete', '', 400],
      [
        'variables of a result that are a list',
        'jobs/0190f0f0-0000-7000-8000-000000000000/complete',
        { variables: [1] },
        400,
      ],
    ])('refuses %s', async (_, path, body, status) => {
      const answer = await post(path, body);
      expect(answer.status).toBe(status);
      expect(Object.keys(answer.json)).toEqual(['error', 'reason']);
    });

    test('answers what is not there as the original does', async () => {
      expect(await get('instances/nope')).toMatchObject({ status: 404, json: { error: 'not-found' } });
      expect(await get('instances/nope/history')).toMatchObject({ status: 200, json: { items: null } });
      expect(await get('definitions/nope')).toMatchObject({ status: 404 });
      expect(await get('definitions/nope/versions/x')).toMatchObject({ status: 400 });
      expect(await get('nothing')).toMatchObject({ status: 404, text: '404 page not found\n' });
      expect(await get('jobs/poll')).toMatchObject({ status: 405, text: '' });
      expect(await api.get('/healthz')).toMatchObject({ status: 200, text: '' });
      expect((await api.raw({ method: 'OPTIONS', path: '/v1/instances' })).status).toBe(200);
      expect((await get('instances?status=NONSENSE')).json).toEqual({ items: null, total: 0 });
    });

    test('lists instances by their words, newest first, by page', async () => {
      const flow = definition([
        { id: 'choose', type: 'DECISION', conditionalNextSteps: { stop: 'end', 'not stop': 'hold' } },
        { id: 'hold', type: 'WAIT', nextStep: 'end' },
      ]);
      const ids: unknown[] = [];
      for (const stop of [false, true, false]) ids.push((await start(flow, { stop })).id);
      const list = async (query: string) => {
        const { json } = await get(`instances?definitionId=${flow.id}&${query}`);
        const items = (json['items'] ?? []) as { id: string }[];
        return [json['total'], items.map(({ id }) => ids.indexOf(id))];
      };
      expect(await list('')).toEqual([3, [2, 1, 0]]);
      expect(await list('status=WAITING')).toEqual([2, [2, 0]]);
      expect(await list('status=COMPLETED')).toEqual([1, [1]]);
      expect(await list('status=ACTIVE')).toEqual([0, []]);
      expect(await list('page=1&pageSize=2')).toEqual([3, [0]]);
    });

    test('tells instances and their history in the words of the original', async () => {
      const { id } = await start(definition([task('step-one', 'end')]));
      await until(id, 'COMPLETED');
      expect((await get(`instances/${id}`)).json['completedAt']).toMatch(/Z$/);
      const { json } = await get(`instances/${id}/history`);
      expect(json['items']).toMatchObject([
        { StepID: 'step-one', StepType: 'SERVICE_TASK', Status: 'COMPLETED', InstanceID: id },
        { StepID: 'end', AttemptNumber: 1, InputSnapshot: null, OutputSnapshot: null, FailureReason: null },
      ]);
    });

    test('completes a user task by the ID its history tells, while it is open', async () => {
      const steps = [
        { id: 'ask', type: 'USER_TASK', nextStep: 'hold' },
        { id: 'hold', type: 'WAIT', nextStep: 'end' },
      ];
      const { id } = await start(definition(steps));
      const { json } = await get(`instances/${id}/history`);
      const [{ ID: task }] = json['items'] as [{ ID: string }];
      const body = { completedBy: 'ann', result: { approved: true } };
      expect((await post(`user-tasks/${task}/complete`, body)).status).toBe(204);
      expect((await until(id, 'WAITING')).variables).toEqual({ approved: true });
      expect((await post(`user-tasks/${task}/complete`, body)).status).toBe(404);
      expect((await post(`user-tasks/${id}/complete`, body)).status).toBe(404);
      expect((await post('user-tasks/nope/complete', body)).status).toBe(404);
    });

    test('keeps numbers and the order of keys as they were sent', async () => {
      const flow = definition([{ id: 'hold', type: 'WAIT', nextStep: 'end' }]);
      await upload(flow);
      const text = `{"definitionId":"${flow.id}","variables":{"b":12345678901234567890,"a":1.10}}`;
      expect((await post('instances', text)).text).toContain(
        '"variables":{"b":12345678901234567890,"a":1.10}',
      );
    });
  });
}
