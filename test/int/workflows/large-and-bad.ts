import { describe, expect, test } from 'vitest';
import type { HitPolicy } from '../../../engine/workflow/decision-table.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { definition, end, task } from './definitions.ts';
import type { WorkflowStack } from './stack.ts';

const MINUTE = 60_000;

/** How each hit policy answers where these three rules match n = 12, and none matches n = 0. */
const answers: Readonly<Record<HitPolicy, unknown>> = {
  UNIQUE: '3 rules match, and the hit policy is UNIQUE',
  FIRST: 2,
  ANY: 'the rules that match differ, and the hit policy is ANY',
  RULE_ORDER: [2, 12, 7],
  COLLECT: [2, 12, 7],
  SUM: 21,
  COUNT: 3,
  MAX: 12,
  MIN: 2,
};

const rules = [
  { when: ['n > 10'], set: { fee: 2 } },
  { when: ['n > 5', 'n < 100'], set: { fee: '${n}' } },
  { when: ['n > 1'], set: { fee: 7 } },
];

/** What is large, or repeated, or not as it should be. */
export function testLargeAndBad(stack: WorkflowStack): void {
  const { start, until, view, post, upload } = stack;

  describe('and so', () => {
    test.each(Object.entries(answers))('a decision table under hit policy %s', async (hitPolicy, answer) => {
      const table = { hitPolicy, rules };
      const flow = definition([{ id: 'rate', type: 'DECISION_TABLE', table, nextStep: 'end' }]);
      if (typeof answer === 'string') {
        expect((await until(await start(flow, { n: 12 }), 'failed')).failure_reason).toContain(answer);
      } else {
        expect((await until(await start(flow, { n: 12 }), 'completed')).variables).toEqual({
          n: 12,
          fee: answer,
        });
      }
    });

    test(
      'a loop of a thousand steps comes to its end, each told once',
      async () => {
        const flow = definition([
          task('again', 'add', 'enough'),
          { id: 'enough', type: 'DECISION', conditionalNextSteps: { 'n < 500': 'again', true: 'end' } },
        ]);
        const done = await until(await start(flow, { n: 0 }), 'completed', { within: MINUTE });
        expect(done.variables).toEqual({ n: 500 });
        expect(done.timeline).toHaveLength(1001);
        expect(new Set(done.timeline.map(({ activation }) => activation)).size).toBe(1001);
      },
      2 * MINUTE,
    );

    test(
      'two hundred branches join once',
      async () => {
        const names = Array.from({ length: 200 }, (_, n) => `b${n}`);
        const flow = definition([
          { id: 'fork', type: 'PARALLEL_GATEWAY', parallelNextSteps: names, joinStep: 'join' },
          ...names.map((name) => task(name, 'echo', 'join')),
          { id: 'join', type: 'JOIN_GATEWAY', nextStep: 'end' },
        ]);
        const done = await until(await start(flow), 'completed', { within: MINUTE });
        expect(done.timeline.filter(({ step }) => step === 'join')).toHaveLength(1);
        expect(Object.keys(done.variables)).toHaveLength(200);
      },
      2 * MINUTE,
    );

    test('instances under way stay with the version that they began with, while the next begin with the new one', async () => {
      const flow = definition([
        task('first', 'add', 'wait'),
        { id: 'wait', type: 'WAIT', nextStep: 'last' },
        task('last', 'add', 'end'),
      ]);
      const wait = { id: 'wait', name: 'wait', type: 'WAIT', nextStep: 'end' };
      const old = await Promise.all(Array.from({ length: 20 }, () => start(flow, { n: 0 })));
      const shorter = { ...flow, steps: [...flow.steps.slice(0, 1), wait, end] };
      expect((await upload(shorter)).json['version']).toBe(2);
      const signalled = async (id: string) => {
        await post(`workflows/${id}/signal`, { step: 'wait' });
        return until(id, 'completed');
      };
      const fresh = await post('workflows', { definition: flow.id, input: { n: 0 } });
      for (const id of old) expect((await signalled(id)).variables).toEqual({ n: 2 });
      const last = await signalled(String(fresh.json['id']));
      expect([last.variables, last.definition?.version]).toEqual([{ n: 1 }, 2]);
    });

    test('two instances may have one foreign id, and the newest is found first', async () => {
      const flow = definition([{ id: 'wait', type: 'WAIT', nextStep: 'end' }]);
      const first = await start(flow, {}, { foreign_id: `twice-${flow.id}` });
      const second = await start(flow, {}, { foreign_id: `twice-${flow.id}` });
      const found = await stack.api.get(`/api/v1/workflows?foreign_id=twice-${flow.id}`);
      expect((found.json['workflows'] as { id: string }[]).map(({ id }) => id)).toEqual([second, first]);
    });

    test('a batch starts in one transaction: all of it, or nothing', async () => {
      const flow = definition([task('first', 'add', 'end')]);
      await upload(flow);
      const inline = { name: `batch ${flow.id}`, steps: [{ name: 'a', type: 'add', payload: { n: 4 } }] };
      const one = { definition: flow.id, input: { n: 1 }, foreign_id: `batch-${flow.id}` };
      const sent = await post('workflows/batch', { workflows: [one, inline, one] });
      expect(sent.status, sent.text).toBe(201);
      const ids = (sent.json['workflows'] as { id: string }[]).map(({ id }) => id);
      const done = await Promise.all(ids.map((id) => until(id, 'completed')));
      expect(done.map(({ variables }) => variables)).toEqual([{ n: 2 }, { a: { n: 5 } }, { n: 2 }]);
      expect(done[1]?.definition).toBeNull();

      const refused = [
        [{ ...one, definition: 'none' }, 404, 'none'],
        [{ ...one, input: { constructor: 1 } }, 400, 'workflows[1].input'],
        [{ ...inline, steps: [{ name: 'a', type: 'unheard-of' }] }, 422, 'workflows[1].steps[0].type'],
        [{ ...inline, steps: [...inline.steps, ...inline.steps] }, 400, 'workflows[1].steps[1].name'],
      ] as const;
      for (const [bad, status, word] of refused) {
        const answer = await post('workflows/batch', { workflows: [{ ...one, foreign_id: 'never' }, bad] });
        expect([answer.status, answer.text]).toEqual([status, expect.stringContaining(word)]);
      }
      const never = await stack.api.get('/api/v1/workflows?foreign_id=never');
      expect(never.json['workflows']).toEqual([]);
    });

    test('a schedule starts it at its ticks, and by hand', async () => {
      const flow = definition([task('first', 'add', 'end')]);
      await upload(flow);
      const schedule = { name: flow.id, cron: '* * * * * *', definition: flow.id, input: { n: 1 } };
      const made = await post('schedules', schedule);
      expect(made.status, made.text).toBe(201);
      expect(made.json).toMatchObject({ type: null, definition: flow.id, input: { n: 1 }, payload: null });
      const byName = `/api/v1/workflows?name=${encodeURIComponent(flow.name)}`;
      const found = async () => (await stack.api.get(byName)).json['workflows'] as Record<string, string>[];
      await waitFor(async () => (await found()).length > 0, { within: 20_000, what: 'a tick' });
      const [ticked] = await found();
      expect(ticked?.['foreign_id']).toMatch(new RegExp(`^schedule/${flow.id}/20.*Z$`));
      expect((await until(ticked?.['id'] ?? '', 'completed')).variables).toEqual({ n: 2 });
      const byHand = await post(`schedules/${flow.id}/run`);
      expect((await until(String(byHand.json['id']), 'completed')).variables).toEqual({ n: 2 });
      const path = `/api/v1/schedules/${flow.id}`;
      expect((await stack.api.raw({ method: 'DELETE', path })).status).toBe(204);

      const refused = [
        [{ ...schedule, type: 'add' }, 'not both'],
        [{ ...schedule, definition: undefined }, 'must be given'],
        [{ ...schedule, definition: 'none' }, 'which is not there'],
        [{ ...schedule, input: { constructor: 1 } }, 'constructor'],
      ] as const;
      for (const [body, words] of refused) {
        const answer = await post('schedules', body);
        expect([answer.status, answer.text]).toEqual([400, expect.stringContaining(words)]);
      }
    });

    test('it is drawn as it stands', async () => {
      const flow = definition([
        task('first', 'add', 'wait'),
        { id: 'wait', name: '<img src=x onerror=alert(1)>', type: 'WAIT', nextStep: 'end' },
      ]);
      const id = await start(flow, { n: 0 });
      await stack.untilAt(id, 'wait');
      const mermaid = await stack.api.get(`/api/v1/workflows/${id}/graph`);
      expect(mermaid.text).toContain('  n0["first<br/>service task"]:::completed\n  n1["#60;img ');
      const svg = await stack.api.get(`/api/v1/workflows/${id}/graph?format=svg`);
      expect(svg.headers.get('content-type')).toBe('image/svg+xml; charset=utf-8');
      expect(svg.text).toContain('<g data-state="running"><title>&lt;img src=x');
      const drawn = await stack.api.get(`/api/v1/definitions/${flow.id}/graph?version=1`);
      expect(drawn.text).toContain(':::idle');
      expect((await stack.api.get('/api/v1/definitions/none/graph')).status).toBe(404);
    });

    test('numbers beyond 2^53 and the order of keys survive steps, jobs and expressions', async () => {
      const flow = definition([
        task('pass', 'echo', 'copy'),
        { id: 'copy', type: 'TRANSFORMATION', transformations: { again: '${order}' }, nextStep: 'end' },
      ]);
      await upload(flow);
      const order = '{"z":1,"id":12345678901234567890.000000001,"a":2,"7":0}';
      const body = `{"definition":"${flow.id}","input":{"order":${order}}}`;
      const started = await stack.api.raw({
        method: 'POST',
        path: '/api/v1/workflows',
        body,
        headers: { 'content-type': 'application/json' },
      });
      const id = String(started.json['id']);
      await until(id, 'completed');
      const { text } = await stack.api.get(`/api/v1/workflows/${id}`);
      expect(text).toContain(`"order":${order}`);
      expect(text).toContain(`"again":${order}`);
    });
  });

  describe('and refuses, with the reason', () => {
    const wait = definition([{ id: 'wait', type: 'WAIT', nextStep: 'end' }]);
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const big = JSON.stringify('x'.repeat(257 * 1024));

    test.each([
      ['variables that nest too deeply', `{"a":${nested(101)}}`, 'nests'],
      ['variables that nest so deeply that a stack would end', `{"a":${nested(100_000)}}`, 'nests'],
      ['a variable named __proto__', '{"__proto__":{"admin":true}}', '__proto__'],
      ['a key __proto__ further down', '{"a":{"\\u005f_proto__":1}}', '__proto__'],
      ['a variable named constructor', '{"constructor":1}', 'constructor'],
      ['more than 256 KB', `{"a":${big}}`, '256 KB'],
      ['NUL, which the database cannot store', '{"a":"\\u0000"}', 'NUL'],
      ['what is no object', '[1]', 'expected record'],
    ])('%s', async (_, input, reason) => {
      await upload(wait);
      const id = await start(wait);
      const send = (path: string, body: string) =>
        stack.api.raw({
          ...{ method: 'POST', path: `/api/v1/${path}`, body },
          headers: { 'content-type': 'application/json' },
        });
      const answers = [
        await send('workflows', `{"definition":"${wait.id}","input":${input}}`),
        await send(`workflows/${id}/signal`, `{"step":"wait","variables":${input}}`),
      ];
      for (const { status, text } of answers) {
        expect([400, 413], text.slice(0, 300)).toContain(status);
        expect(text).toContain(reason);
        expect(text.length).toBeLessThan(2_000);
      }
      expect((await view(id)).variables).toEqual({});
      expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
    });

    test('variables that grow beyond 256 KB, one signal at a time', async () => {
      const flow = definition([
        { id: 'one', type: 'WAIT', nextStep: 'two' },
        { id: 'two', type: 'WAIT', nextStep: 'end' },
      ]);
      const id = await start(flow, { a: 'x'.repeat(150_000) });
      const grown = await post(`workflows/${id}/signal`, {
        step: 'one',
        variables: { b: 'x'.repeat(150_000) },
      });
      expect([grown.status, grown.text]).toEqual([400, expect.stringContaining('256 KB')]);
      expect((await view(id)).status).toBe('running');
    });

    const bombs: Readonly<Record<string, string>> = {
      'text that doubles': '${x + x}',
      'a number that leaves all bounds': '${10 ** 400}',
    };
    test.each(Object.entries(bombs))('an expression that blows up: %s', async (_, expression) => {
      const names = Array.from({ length: 40 }, () => 'x');
      const steps = names.map((name, index) => ({
        ...{ id: `t${index}`, type: 'TRANSFORMATION', transformations: { [name]: expression } },
        nextStep: index === 39 ? 'end' : `t${index + 1}`,
      }));
      const failed = await until(await start(definition(steps), { x: 'ab' }), 'failed');
      expect(failed.failure_reason).toMatch(/256 KB|too large|not a number|cannot be computed/);
    });

    test('a graph that runs in a circle, or into a step that is not there, with every fault', async () => {
      const circle = definition([
        { id: 'a', type: 'TRANSFORMATION', transformations: { x: 1 }, nextStep: 'b' },
        { id: 'b', type: 'TRANSFORMATION', transformations: { x: '${1 +}', y: 1 }, nextStep: 'c' },
        { id: 'c', type: 'SERVICE_TASK', jobType: 'no such/type', nextStep: 'nowhere', retryCount: -1 },
        { id: 'd', type: 'SLEEP', duration: 'soon', nextStep: 'a' },
      ]);
      const { status, json } = await upload(circle);
      expect(status).toBe(400);
      const faults = JSON.stringify(json);
      for (const fault of ['step "b"', 'nowhere', 'retryCount', 'jobType', 'duration']) {
        expect(faults.replaceAll('\\', '')).toContain(fault);
      }
    });
  });
}
