import { describe, expect, test } from 'vitest';
import { definition, end, handlers, task } from './definitions.ts';
import { testLargeAndBad } from './large-and-bad.ts';
import { startStack, type Way } from './stack.ts';

/** What must be seen working with real workers, in whichever way their jobs reach them. */
export function testWorkflows(way: Way): void {
  const stack = startStack(way, handlers);
  const { start, until, untilAt, post, view } = stack;

  describe(`whose jobs come by ${way}, a workflow`, () => {
    test('of tasks, a transformation and a decision runs through, and is told as a timeline', async () => {
      const flow = definition([
        task('first', 'add', 'rename'),
        {
          id: 'rename',
          type: 'TRANSFORMATION',
          transformations: { m: '${n * 10}', big: 12 },
          nextStep: 'choose',
        },
        { id: 'choose', type: 'DECISION', conditionalNextSteps: { 'm > 15': 'second', true: 'end' } },
        task('second', 'add', 'end'),
      ]);
      const id = await start(flow, { n: 1 });
      const done = await until(id, 'completed');
      expect(done.variables).toEqual({ n: 3, m: 20, big: 12 });
      expect(done.timeline.map(({ step, status }) => [step, status])).toEqual([
        ['first', 'completed'],
        ['rename', 'completed'],
        ['choose', 'completed'],
        ['second', 'completed'],
        ['end', 'completed'],
      ]);
      expect(done.timeline[0]).toMatchObject({
        type: 'SERVICE_TASK',
        job_status: 'completed',
        output: { n: 2 },
      });
      expect(done.definition).toEqual({ id: flow.id, version: 1 });
    });

    test('without a branch that matches fails and says so', async () => {
      const flow = definition([
        { id: 'choose', type: 'DECISION', conditionalNextSteps: { 'n > 5': 'end', 'n > 9': 'end' } },
      ]);
      const failed = await until(await start(flow, { n: 1 }), 'failed');
      expect(failed.failure_reason).toContain('DecisionNoBranchMatched');
    });

    test('with a decision table takes what its rules say', async () => {
      const rules = [
        { when: ['n > 10'], set: { fee: 5 } },
        { when: ['n > 1'], set: { fee: '${n * 2}' } },
      ];
      const table = { hitPolicy: 'SUM', rules };
      const flow = definition([{ id: 'rate', type: 'DECISION_TABLE', table, nextStep: 'end' }]);
      expect((await until(await start(flow, { n: 11 }), 'completed')).variables).toEqual({ n: 11, fee: 27 });
    });

    test('of parallel branches of different lengths joins once', async () => {
      const flow = definition([
        { id: 'fork', type: 'PARALLEL_GATEWAY', parallelNextSteps: ['a1', 'b1', 'c1'], joinStep: 'join' },
        task('a1', 'echo', 'a2'),
        task('a2', 'echo', 'join'),
        task('b1', 'echo', 'join'),
        task('c1', 'echo', 'join'),
        { id: 'join', type: 'JOIN_GATEWAY', nextStep: 'after' },
        task('after', 'echo', 'end'),
      ]);
      const done = await until(await start(flow), 'completed');
      const steps = done.timeline.map(({ step }) => step);
      expect([...steps].sort()).toEqual(['a1', 'a2', 'after', 'b1', 'c1', 'end', 'fork', 'join']);
    });

    test('of 60 branches that complete at once joins once', async () => {
      const names = Array.from({ length: 60 }, (_, n) => `b${n}`);
      const flow = definition([
        { id: 'fork', type: 'PARALLEL_GATEWAY', parallelNextSteps: names, joinStep: 'join' },
        ...names.map((name) => task(name, 'echo', 'join')),
        { id: 'join', type: 'JOIN_GATEWAY', nextStep: 'end' },
      ]);
      const done = await until(await start(flow), 'completed');
      expect(done.timeline.filter(({ step }) => step === 'join')).toHaveLength(1);
      expect(Object.keys(done.variables)).toHaveLength(60);
    }, 60_000);

    test('over a list runs a job for each element, and keeps the results in order', async () => {
      const forEach = { items: 'orders', as: 'order', concurrency: 2 };
      const flow = definition([task('each', 'pick', 'end', { forEach, output: 'done' })]);
      const done = await until(await start(flow, { orders: [3, 1, 2] }), 'completed');
      expect(done.variables).toMatchObject({ done: [6, 2, 4] });
    });

    test('waits for its user tasks, each of which is completed once', async () => {
      const flow = definition([
        { id: 'fork', type: 'PARALLEL_GATEWAY', parallelNextSteps: ['ask', 'also'], joinStep: 'join' },
        { id: 'ask', type: 'USER_TASK', nextStep: 'join' },
        { id: 'also', type: 'USER_TASK', nextStep: 'join' },
        { id: 'join', type: 'JOIN_GATEWAY', nextStep: 'end' },
      ]);
      const id = await start(flow, {}, { foreign_id: 'people' });
      const open = await stack.api.get(`/api/v1/user-tasks?workflow_id=${id}`);
      expect(open.json['user_tasks']).toMatchObject([
        { step: 'ask', foreign_id: 'people' },
        { step: 'also', foreign_id: 'people' },
      ]);
      const complete = (step: string, body: object = {}) =>
        post(`workflows/${id}/user-tasks/${step}/complete`, body);
      const twice = await Promise.all([complete('ask', { variables: { yes: 1 } }), complete('ask')]);
      expect(twice.map(({ status }) => status).sort()).toEqual([200, 409]);
      expect((await complete('nothing')).status).toBe(404);
      expect((await complete('join')).status).toBe(400);
      expect((await complete('also')).json).toMatchObject({ status: 'completed' });
      expect((await stack.api.get(`/api/v1/user-tasks?workflow_id=${id}`)).json).toEqual({ user_tasks: [] });
    });

    test('takes a signal early or in time, and none late or twice', async () => {
      const flow = definition([
        { id: 'one', type: 'WAIT', nextStep: 'two' },
        { id: 'two', type: 'WAIT', nextStep: 'end' },
      ]);
      const id = await start(flow);
      const signal = (step: string, variables: object = {}) =>
        post(`workflows/${id}/signal`, { step, variables });
      expect((await signal('two', { b: 2 })).status).toBe(200);
      expect((await signal('two')).json['code']).toBe('illegal_transition');
      expect((await signal('one', { a: 1 })).json).toMatchObject({
        status: 'completed',
        variables: { a: 1, b: 2 },
      });
      expect((await signal('one')).json['code']).toBe('workflow_ended');
    });

    test('is moved on by its timers, interrupting and not, and not by one whose step has ended', async () => {
      const timer = (duration: string, interrupting: boolean, targetStepId: string) => ({
        ...{ type: 'TIMER', duration, interrupting, targetStepId },
      });
      const flow = definition([
        task('slow', 'slow', 'end', { boundaryEvents: [timer('PT0.3S', true, 'rest')] }),
        { id: 'rest', type: 'SLEEP', duration: 'PT0.2S', nextStep: 'wait' },
        { id: 'wait', type: 'WAIT', nextStep: 'end', boundaryEvents: [timer('PT0.2S', false, 'remind')] },
        task('remind', 'echo', 'quick'),
        task('quick', 'echo', 'end', { boundaryEvents: [timer('PT20S', true, 'end')] }),
      ]);
      const done = await until(await start(flow), 'completed');
      expect(done.timeline.map(({ step, type, status }) => [step, type, status])).toEqual([
        ['slow', 'SERVICE_TASK', 'interrupted'],
        ['rest', 'SLEEP', 'completed'],
        ['wait', 'TIMER', 'fired'],
        ['wait', 'WAIT', 'cancelled'],
        ['remind', 'SERVICE_TASK', 'completed'],
        ['quick', 'SERVICE_TASK', 'completed'],
        ['end', 'END', 'completed'],
      ]);
      expect(done.timeline[0]?.job_status).toBe('cancelled');
    });

    test('retries a step by its own policy', async () => {
      const retry = { base_ms: 1, max_ms: 1 };
      const flow = definition([task('try', 'flaky', 'end', { retryCount: 2, retry })]);
      expect((await until(await start(flow), 'completed')).variables).toEqual({ attempts: 3 });
    });

    test('that failed goes on when its step is retried with other variables', async () => {
      const id = await start(definition([task('try', 'fragile', 'end')]));
      const failed = await until(id, 'failed');
      expect(failed.failure_reason).toBe('Step "try" failed: it is broken');
      const retry = (step: string) =>
        post(`workflows/${id}/steps/${step}/retry`, { variables: { mended: true } });
      expect((await retry('end')).status).toBe(409);
      expect((await retry('try')).status).toBe(200);
      expect((await until(id, 'completed')).variables).toEqual({ mended: true, fine: true });
      expect((await retry('try')).status).toBe(409);
    });

    test('undoes what it has done when it fails', async () => {
      const flow = definition([
        task('book', 'echo', 'pay', { compensation: { jobType: 'echo' } }),
        task('pay', 'fragile', 'end'),
      ]);
      const failed = await until(await start(flow), 'failed');
      expect(failed.timeline.map(({ step, type, status }) => [step, type, status])).toEqual([
        ['book', 'SERVICE_TASK', 'completed'],
        ['pay', 'SERVICE_TASK', 'failed'],
        ['book', 'COMPENSATION', 'completed'],
      ]);
    });

    test('begins nothing while it is paused', async () => {
      const id = await start(
        definition([{ id: 'wait', type: 'WAIT', nextStep: 'go' }, task('go', 'echo', 'end')]),
      );
      expect((await post(`workflows/${id}/pause`)).json).toMatchObject({ status: 'paused' });
      await post(`workflows/${id}/signal`, { step: 'wait' });
      expect((await view(id)).timeline.map(({ step }) => step)).toEqual(['wait']);
      expect((await post(`workflows/${id}/resume`)).status).toBe(200);
      await until(id, 'completed');
    });

    test('starts the next one with its variables and foreign id, which finds the latest', async () => {
      const second = definition([task('more', 'add', 'end')]);
      await stack.upload(second);
      const chain = { autoStartNextWorkflow: true, nextWorkflowId: second.id };
      const id = await start(
        definition([task('first', 'add', 'end')], chain),
        { n: 0 },
        { foreign_id: 'order-9' },
      );
      await until(id, 'completed');
      const latest = await stack.api.get('/api/v1/workflows?foreign_id=order-9&limit=1');
      const [next] = latest.json['workflows'] as { id: string; name: string }[];
      expect(next?.name).toBe(second.name);
      expect((await until(next?.id ?? '', 'completed')).variables).toEqual({ n: 2 });
    });

    test('waits for its child, and cancels it when it is cancelled itself', async () => {
      const child = definition([task('inner', 'add', 'end')]);
      await stack.upload(child);
      const sub = (workflowId: string) => ({
        id: 'sub',
        type: 'CHILD_WORKFLOW',
        workflowId,
        nextStep: 'end',
      });
      expect(
        (await until(await start(definition([sub(child.id)]), { n: 0 }), 'completed')).variables,
      ).toEqual({ n: 1 });

      const endless = definition([{ id: 'wait', type: 'WAIT', nextStep: 'end' }]);
      await stack.upload(endless);
      const id = await start(definition([sub(endless.id)]));
      const children = await stack.api.get(`/api/v1/workflows?name=${encodeURIComponent(endless.name)}`);
      const [waiting] = children.json['workflows'] as { id: string }[];
      expect((await post(`workflows/${id}/cancel`, { reason: 'enough' })).status).toBe(200);
      await until(waiting?.id ?? '', 'cancelled');
    });

    test('keeps its version when the definition is uploaded anew', async () => {
      const flow = definition([{ id: 'wait', type: 'WAIT', nextStep: 'end' }]);
      const id = await start(flow);
      const upgraded = { ...flow, steps: [task('other', 'echo', 'end', { name: 'x' }), end] };
      expect((await stack.upload(upgraded)).json['version']).toBe(2);
      expect((await stack.upload(flow)).json['version']).toBe(1);
      const signalled = await post(`workflows/${id}/signal`, { step: 'wait' });
      expect(signalled.json).toMatchObject({ status: 'completed', definition: { version: 1 } });
      const again = await post('workflows', { definition: flow.id });
      expect((await until(String(again.json['id']), 'completed')).definition?.version).toBe(2);
    });

    test('cancelled while steps complete either ends or is cancelled, and nothing runs on', async () => {
      const flow = definition([task('a', 'echo', 'b'), task('b', 'echo', 'c'), task('c', 'echo', 'end')]);
      const ids = await Promise.all(Array.from({ length: 10 }, () => start(flow)));
      await Promise.all(ids.map((id) => post(`workflows/${id}/cancel`)));
      for (const id of ids) {
        const { status, timeline } = await view(id);
        expect(['cancelled', 'completed']).toContain(status);
        expect(timeline.filter(({ ended_at }) => ended_at === null)).toEqual([]);
        const open = timeline.filter(({ job_status }) => job_status === 'queued' || job_status === 'running');
        expect(open).toEqual([]);
      }
    });

    test('of two definitions decides about loans, some of them by a person', async () => {
      const payout = definition([task('pay', 'echo', 'end')]);
      await stack.upload(payout);
      const chain = { autoStartNextWorkflow: true, nextWorkflowId: payout.id };
      const loan = definition(
        [
          { id: 'fork', type: 'PARALLEL_GATEWAY', parallelNextSteps: ['credit', 'fraud'], joinStep: 'join' },
          task('credit', 'credit', 'join'),
          task('fraud', 'fraud', 'join'),
          { id: 'join', type: 'JOIN_GATEWAY', nextStep: 'decide' },
          {
            id: 'decide',
            type: 'DECISION',
            conditionalNextSteps: {
              'fraud > 50': 'review',
              'credit >= 600 && amount < 500': 'approve',
              true: 'review',
            },
          },
          { id: 'review', type: 'USER_TASK', nextStep: 'end' },
          { id: 'approve', type: 'TRANSFORMATION', transformations: { approved: true }, nextStep: 'end' },
        ],
        chain,
      );
      const auto = await until(await start(loan, { amount: 100 }, { foreign_id: 'loan-1' }), 'completed');
      expect(auto.variables).toMatchObject({ approved: true, credit: 700, fraud: 5 });
      const manual = await start(loan, { amount: 1000 }, { foreign_id: 'loan-2' });
      await untilAt(manual, 'review');
      await post(`workflows/${manual}/user-tasks/review/complete`, { variables: { approved: false } });
      expect((await until(manual, 'completed')).variables).toMatchObject({ approved: false, fraud: 80 });
      const all = await stack.api.get('/api/v1/workflows?foreign_id=loan-2');
      expect((all.json['workflows'] as unknown[]).length).toBe(2);
    });
  });

  // What is large would take long through a broker that other tests keep busy, and shows nothing more there.
  if (way !== 'broker') testLargeAndBad(stack);
}
