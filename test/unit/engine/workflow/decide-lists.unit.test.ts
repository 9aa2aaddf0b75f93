import { describe, expect, test } from 'vitest';
import { define, end, Run, task } from './graphs.ts';

describe('a list step', () => {
  const listing = define([
    task('each', 'end', { forEach: { items: 'orders', as: 'order', concurrency: 2 }, output: 'done' }),
    end,
  ]);

  test('runs a job for each element, so many at a time, and keeps the results in order', () => {
    const run = new Run(listing, { orders: [10, 20, 30] });
    expect(run.jobs()).toHaveLength(2);
    expect(JSON.parse(run.job('each').payload)).toEqual({ orders: [10, 20, 30], order: 20, index: 1 });
    for (const index of [1, 0, 2]) {
      const { activation } = run.jobs()[index] ?? { activation: -1 };
      run.send({ kind: 'jobCompleted', activation, result: String(index) });
    }
    expect(run.instance.status).toBe('completed');
    expect(run.variables).toEqual({ orders: [10, 20, 30], done: [0, 1, 2] });
  });

  test('tries again only what has no result', () => {
    const run = new Run(listing, { orders: [10, 20, 30] });
    const [first, second] = run.jobs();
    run.send({ kind: 'jobCompleted', activation: first?.activation ?? -1, result: '"ok"' });
    run.send({ kind: 'jobFailed', activation: second?.activation ?? -1, reason: 'boom' });
    expect(run.instance.status).toBe('failed');
    const before = run.jobs().length;
    run.send({ kind: 'retried', step: 'each', variables: new Map() });
    const again = run.jobs().slice(before);
    expect(again.map(({ payload }) => JSON.parse(payload).order)).toEqual([20, 30]);
    for (const { activation } of again) run.send({ kind: 'jobCompleted', activation, result: '"late"' });
    expect(run.variables).toMatchObject({ done: ['ok', 'late', 'late'] });
  });

  test('over an empty list is done at once', () => {
    expect(new Run(listing, { orders: [] }).variables).toEqual({ orders: [], done: [] });
  });
});

describe('compensation', () => {
  const booking = define([
    task('hotel', 'flight', { compensation: { jobType: 'cancel-hotel' } }),
    task('flight', 'car', { compensation: { jobType: 'cancel-flight' } }),
    task('car', 'end'),
    end,
  ]);

  test('undoes what was done, the last first, and then the instance has failed', () => {
    const run = new Run(booking);
    run.complete('hotel');
    run.complete('flight');
    run.fail('car', 'none left');
    expect(run.instance.status).toBe('running');
    expect(run.job('cancel-flight')).toBeDefined();
    run.complete('cancel-flight');
    run.complete('cancel-hotel');
    expect(run.instance).toMatchObject({ status: 'failed', failureReason: 'Step "car" failed: none left' });
    expect(run.path).toEqual(['hotel', 'flight', 'car failed', 'flight', 'hotel']);
  });

  test('that fails can be tried again', () => {
    const run = new Run(booking);
    run.complete('hotel');
    run.fail('flight');
    run.fail('cancel-hotel', 'down');
    expect(run.instance).toMatchObject({ status: 'failed', failureReason: 'Step "hotel" failed: down' });
    run.send({ kind: 'retried', step: 'hotel', variables: new Map() });
    run.complete('cancel-hotel');
    expect(run.instance).toMatchObject({ status: 'failed', failureReason: 'Step "flight" failed: boom' });
  });
});

describe('other workflows', () => {
  test('the next one starts with the variables when this one ends', () => {
    const chained = define([task('a', 'end'), end], {
      autoStartNextWorkflow: true,
      nextWorkflowId: 'second',
    });
    const run = new Run(chained, { x: 1 });
    run.complete('a');
    expect(run.effects.at(-1)).toEqual({ kind: 'start', workflowId: 'second', input: '{"x":1}' });
  });

  test('a child is waited for', () => {
    const parent = define([{ id: 'sub', type: 'CHILD_WORKFLOW', workflowId: 'child', nextStep: 'end' }, end]);
    const run = new Run(parent, { x: 1 });
    expect(run.effects).toEqual([{ kind: 'start', workflowId: 'child', input: '{"x":1}', parent: 0 }]);
    run.send({ kind: 'childEnded', activation: 0, status: 'completed', variables: new Map([['y', '2']]) });
    expect(run.instance.status).toBe('completed');
    expect(run.variables).toEqual({ x: 1, y: 2 });
  });

  test('a child that fails fails its step', () => {
    const parent = define([{ id: 'sub', type: 'CHILD_WORKFLOW', workflowId: 'child', nextStep: 'end' }, end]);
    const run = new Run(parent);
    run.send({ kind: 'childEnded', activation: 0, status: 'failed', variables: new Map(), reason: 'no' });
    expect(run.instance.failureReason).toBe('Step "sub" failed: no');
  });
});
