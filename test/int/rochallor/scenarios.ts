import { describe, expect, test } from 'vitest';
import type { DispatchMode } from '../../../engine/deps.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { definition, handlers, loanApproval, task } from './definitions.ts';
import { testLeases } from './leases.ts';
import { testMetrics } from './metrics.ts';
import { startDialect } from './stack.ts';
import { testWire } from './wire.ts';

/** What the tests of the original assert, and what it promises beyond them, with a worker that speaks only its protocol. */
export function testDialect(mode: DispatchMode): void {
  const stack = startDialect(mode, handlers);
  const { start, until, post, get, upload, history } = stack;

  describe(`over /v1 in mode ${mode}`, () => {
    test('a linear workflow runs its service tasks, and its history tells of each', async () => {
      const begun = await start(definition([task('step-one', 'step-two'), task('step-two', 'end')]), {
        n: 1,
      });
      expect(begun).toMatchObject({ status: 'ACTIVE', currentStepIds: ['step-one'], definitionVersion: 1 });
      const done = await until(begun['id'], 'COMPLETED');
      expect(done).toMatchObject({ variables: { n: 1, one: true, two: true }, currentStepIds: [] });
      expect(done['completedAt']).toMatch(/Z$/);
      const steps = await history(begun['id']);
      expect(steps.map(({ StepID, StepType, Status }) => [StepID, StepType, Status])).toEqual([
        ['step-one', 'SERVICE_TASK', 'COMPLETED'],
        ['step-two', 'SERVICE_TASK', 'COMPLETED'],
        ['end', 'END', 'COMPLETED'],
      ]);
      expect(steps[0]).toMatchObject({ InstanceID: begun['id'], AttemptNumber: 1, InputSnapshot: null });
    });

    test('a decision takes the first branch that holds, in the order of declaration', async () => {
      const flow = definition([
        {
          id: 'choose',
          type: 'DECISION',
          conditionalNextSteps: { 'n > 100': 'high', 'n > 10': 'middle', 'n > 1': 'low' },
        },
        { id: 'high', type: 'TRANSFORMATION', transformations: { path: 'high' }, nextStep: 'end' },
        { id: 'middle', type: 'TRANSFORMATION', transformations: { path: 'middle' }, nextStep: 'end' },
        { id: 'low', type: 'TRANSFORMATION', transformations: { path: 'low' }, nextStep: 'end' },
      ]);
      for (const [n, path] of [
        [500, 'high'],
        [50, 'middle'],
        [5, 'low'],
      ]) {
        const begun = await start(flow, { n });
        expect(begun).toMatchObject({ status: 'COMPLETED', variables: { n, path } });
      }
    });

    test('a decision table sets what its rules say', async () => {
      const table = {
        hitPolicy: 'FIRST',
        rules: [
          { when: ['score >= 700'], set: { rate: 3 } },
          { when: ['true == true'], set: { rate: 9 } },
        ],
      };
      const flow = definition([{ id: 'rate', type: 'DECISION_TABLE', table, nextStep: 'end' }]);
      expect((await start(flow, { score: 710 }))['variables']).toEqual({ score: 710, rate: 3 });
      expect((await start(flow, { score: 1 }))['variables']).toEqual({ score: 1, rate: 9 });
    });

    test('a decision without a match fails the instance with the reason', async () => {
      const flow = definition([{ id: 'choose', type: 'DECISION', conditionalNextSteps: { 'n > 9': 'end' } }]);
      const failed = await start(flow, { n: 1 });
      expect(failed).toMatchObject({ status: 'FAILED' });
      expect(failed['failureReason']).toContain('DecisionNoBranchMatched');
    });

    test('parallel branches join once', async () => {
      const flow = definition([
        {
          id: 'fork',
          type: 'PARALLEL_GATEWAY',
          parallelNextSteps: ['credit-check', 'fraud-check'],
          joinStep: 'join',
        },
        task('credit-check', 'step-one'),
        task('step-one', 'join'),
        task('fraud-check', 'join'),
        { id: 'join', type: 'JOIN_GATEWAY', nextStep: 'step-two' },
        task('step-two', 'end'),
      ]);
      const begun = await start(flow);
      expect(begun['currentStepIds']).toEqual(['credit-check', 'fraud-check']);
      await until(begun['id'], 'COMPLETED');
      const ids = (await history(begun['id'])).map(({ StepID }) => StepID);
      expect(ids.filter((id) => id === 'join' || id === 'step-two')).toHaveLength(2);
    });

    test('a user task waits until it is completed, once', async () => {
      const flow = definition([
        { id: 'ask', type: 'USER_TASK', nextStep: 'step-one' },
        task('step-one', 'end'),
      ]);
      const begun = await start(flow);
      expect(begun).toMatchObject({ status: 'WAITING', currentStepIds: ['ask'] });
      const path = `instances/${String(begun['id'])}/user-tasks/ask/complete`;
      expect((await post(path, { workerId: 'ann', variables: { approved: true } })).status).toBe(204);
      expect((await post(path, { variables: { approved: false } })).status).toBeGreaterThanOrEqual(400);
      expect((await until(begun['id'], 'COMPLETED'))['variables']).toMatchObject({ approved: true });
    });

    test('a user task in a parallel branch waits beside the tasks of the others', async () => {
      const flow = definition([
        { id: 'fork', type: 'PARALLEL_GATEWAY', parallelNextSteps: ['ask', 'step-one'], joinStep: 'join' },
        { id: 'ask', type: 'USER_TASK', nextStep: 'join' },
        task('step-one', 'join'),
        { id: 'join', type: 'JOIN_GATEWAY', nextStep: 'end' },
      ]);
      const begun = await start(flow);
      expect(begun).toMatchObject({ status: 'WAITING', currentStepIds: ['ask', 'step-one'] });
      await post(`instances/${String(begun['id'])}/user-tasks/ask/complete`);
      await until(begun['id'], 'COMPLETED');
    });

    test('a timer that does not interrupt starts its target beside the step', async () => {
      const timer = { type: 'TIMER', duration: 'PT1S', interrupting: false, targetStepId: 'remind' };
      const flow = definition([
        { id: 'ask', type: 'USER_TASK', nextStep: 'end', boundaryEvents: [timer] },
        { id: 'remind', type: 'WAIT', nextStep: 'end' },
      ]);
      const begun = await start(flow);
      const steps = async () => (await get(`instances/${String(begun['id'])}`)).json['currentStepIds'];
      await waitFor(async () => String(await steps()) === 'ask,remind', {
        within: 30_000,
        what: 'the timer',
      });
      await post(`instances/${String(begun['id'])}/user-tasks/ask/complete`);
      await until(begun['id'], 'COMPLETED');
    });

    test('a timer that interrupts ends the step, whose late result changes nothing', async () => {
      const timer = { type: 'TIMER', duration: 'PT1S', interrupting: true, targetStepId: 'timeout-handler' };
      const flow = definition([
        task('slow-task', 'end', { boundaryEvents: [timer] }),
        { id: 'timeout-handler', type: 'TRANSFORMATION', transformations: { late: true }, nextStep: 'end' },
      ]);
      const begun = await start(flow);
      expect((await until(begun['id'], 'COMPLETED'))['variables']).toEqual({ late: true });
      const steps = await history(begun['id']);
      expect(steps).toMatchObject([
        { StepID: 'slow-task', Status: 'FAILED', FailureReason: 'interrupted by boundary timer' },
        { StepID: 'timeout-handler', Status: 'COMPLETED' },
        { StepID: 'end' },
      ]);
    });

    test('a wait takes its signal with variables, and no other one', async () => {
      const flow = definition([
        { id: 'hold', type: 'WAIT', nextStep: 'ask' },
        { id: 'ask', type: 'USER_TASK', nextStep: 'end' },
      ]);
      const begun = await start(flow);
      const at = `instances/${String(begun['id'])}`;
      expect(begun).toMatchObject({ status: 'WAITING', currentStepIds: ['hold'] });
      expect((await post(`${at}/signals/nothing`)).status).toBe(409);
      expect((await post(`${at}/signals/ask`)).status).toBe(400);
      expect((await post(`instances/01J00000000000000000000000/signals/hold`)).status).toBe(404);
      expect((await post(`${at}/signals/hold`, { color: 'red' })).status).toBe(204);
      expect((await post(`${at}/signals/hold`)).status).toBe(409);
      expect((await post(`${at}/user-tasks/hold/complete`)).status).toBe(400);
      expect((await post(`${at}/user-tasks/ask/complete`)).status).toBe(204);
      expect(await until(begun['id'], 'COMPLETED')).toMatchObject({ variables: { color: 'red' } });
      expect((await post(`${at}/user-tasks/ask/complete`)).status).toBe(409);
    });

    test('a signal for a step that is still to come is refused, and not kept', async () => {
      const flow = definition([
        { id: 'ask', type: 'USER_TASK', nextStep: 'hold' },
        { id: 'hold', type: 'WAIT', nextStep: 'end' },
      ]);
      const at = `instances/${String((await start(flow))['id'])}`;
      expect((await post(`${at}/signals/hold`)).status).toBe(409);
      await post(`${at}/user-tasks/ask/complete`);
      expect((await get(at)).json).toMatchObject({ status: 'WAITING', currentStepIds: ['hold'] });
    });

    test('a task that fails is tried again as often as its retryCount says', async () => {
      const begun = await start(definition([task('flaky-task', 'end', { retryCount: 2 })]));
      expect((await until(begun['id'], 'COMPLETED'))['variables']).toEqual({ recovered: true });
    });

    test('a task that fails every time fails the instance with the reason of the worker', async () => {
      const begun = await start(definition([task('always-fails', 'end', { retryCount: 1 })]));
      const failed = await until(begun['id'], 'FAILED');
      expect(failed['failureReason']).toContain('it never works');
      const { rows } = await stack.api.database
        .pool()
        .query('select attempt, status from jobs where instance_id = $1', [begun['id']]);
      expect(rows).toEqual([{ attempt: 2, status: 'dead_letter' }]);
    });

    test('a failed step is begun again by hand with other variables', async () => {
      const begun = await start(definition([task('fragile', 'end')]));
      await until(begun['id'], 'FAILED');
      const path = `/api/v1/workflows/${String(begun['id'])}/steps/fragile/retry`;
      expect((await stack.api.post(path, { variables: { mended: true } })).status).toBe(200);
      expect((await until(begun['id'], 'COMPLETED'))['variables']).toEqual({ mended: true, whole: true });
    });

    test('the end of a workflow starts the next one with its variables', async () => {
      const second = definition([task('step-two', 'end')]);
      const first = definition([task('step-one', 'end')], {
        autoStartNextWorkflow: true,
        nextWorkflowId: second.id,
      });
      // The first may be uploaded before the one it names.
      await upload(first);
      await upload(second);
      const begun = await start(first, { from: 'the first' });
      await until(begun['id'], 'COMPLETED');
      const chained = async () => (await get(`instances?definitionId=${second.id}&status=COMPLETED`)).json;
      await waitFor(async () => (await chained())['total'] === 1, { within: 30_000, what: 'the second' });
      expect((await chained())['items']).toMatchObject([
        { variables: { from: 'the first', one: true, two: true } },
      ]);
    });

    test('the end of a workflow whose next one was never uploaded is an end all the same, and recorded', async () => {
      const flow = definition([task('step-one', 'end')], {
        autoStartNextWorkflow: true,
        nextWorkflowId: 'none',
      });
      const begun = await start(flow);
      await until(begun['id'], 'COMPLETED');
      const { rows } = await stack.api.database
        .pool()
        .query("select detail from audit_log where instance_id = $1 and action = 'WORKFLOW_NOT_CHAINED'", [
          begun['id'],
        ]);
      expect(rows).toEqual([{ detail: { missing_definition: 'none' } }]);
    });

    test('a business key is kept and found by', async () => {
      const flow = definition([{ id: 'hold', type: 'WAIT', nextStep: 'end' }]);
      const begun = await start(flow, {}, { businessKey: `order-${flow.id}` });
      expect(begun['businessKey']).toBe(`order-${flow.id}`);
      const found = await get(`instances?businessKey=order-${flow.id}`);
      expect(found.json).toMatchObject({ total: 1, items: [{ id: begun['id'] }] });
    });

    test('an instance is cancelled with a reason, once', async () => {
      const begun = await start(definition([{ id: 'hold', type: 'WAIT', nextStep: 'end' }]));
      const path = `instances/${String(begun['id'])}`;
      const cancelled = await post(`${path}/cancel`, { reason: 'changed my mind' });
      expect(cancelled.status).toBe(200);
      expect(cancelled.json).toMatchObject({ status: 'CANCELLED', failureReason: 'changed my mind' });
      expect((await post(`${path}/cancel`)).status).toBe(409);
      expect((await get(path)).json).toMatchObject({ status: 'CANCELLED' });
    });

    test('a transformation sets expressions and literals', async () => {
      const flow = definition([
        {
          id: 'map',
          type: 'TRANSFORMATION',
          transformations: { fullName: '${first}', greeting: 'Hello', score: 42, at: '${now()}' },
          nextStep: 'end',
        },
      ]);
      const { variables } = (await start(flow, { first: 'Alice' })) as { variables: Record<string, unknown> };
      expect(variables).toMatchObject({ fullName: 'Alice', greeting: 'Hello', score: 42 });
      expect(variables['at']).toMatch(/^\d{4}-\d\d-\d\dT/);
    });

    test.each([
      ['approves a good score by itself', { amount: 1000 }, false, 'approved'],
      ['asks a person about a middling one', { amount: 1000, score: 650 }, true, 'approved'],
      ['asks a person about a large amount', { amount: 600_000_000 }, true, 'approved'],
      ['rejects a low score', { amount: 1000, score: 300 }, false, 'rejected'],
      ['rejects likely fraud', { amount: 1000, fraud: 90 }, false, 'rejected'],
    ])('the loan approval %s', async (_, variables, isReviewed, decision) => {
      const begun = await start(loanApproval(`LOS::loan-${mode}`), variables);
      if (isReviewed) {
        await until(begun['id'], 'WAITING');
        await post(`instances/${String(begun['id'])}/user-tasks/review/complete`);
      }
      expect((await until(begun['id'], 'COMPLETED'))['variables']).toMatchObject({ decision });
    });

    test('the audit trail has a row for the start of an instance, and one for its end', async () => {
      const begun = await start(definition([task('step-one', 'end')]));
      await until(begun['id'], 'COMPLETED');
      const { rows } = await stack.api.database
        .pool()
        .query<{ action: string }>('select action from audit_log where instance_id = $1', [begun['id']]);
      expect(rows.map(({ action }) => action)).toEqual(
        expect.arrayContaining(['WORKFLOW_STARTED', 'WORKFLOW_COMPLETED']),
      );
    });
  });

  testWire(mode, stack);
  testLeases(mode, stack);
  testMetrics(mode, stack);
}
