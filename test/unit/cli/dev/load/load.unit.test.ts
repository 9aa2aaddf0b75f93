import { describe, expect, test } from 'vitest';
import { planFlaky, planJobs, planWorkflows } from '../../../../../cli/dev/load/plan.ts';
import { faultsOf, progressLine } from '../../../../../cli/dev/load/report.ts';

const options = { count: 20_000, seed: 's', run: 'r' };

describe('what a load test sends', () => {
  test('is the same for the same seed, and one job in five is flaky', () => {
    const [first, again] = [planFlaky(options), planFlaky(options)];
    expect(first.item(5)).toEqual(again.item(5));
    const types = Array.from({ length: 10 }, (_, index) => first.item(index)['type']);
    expect(types.filter((type) => type === 'flaky')).toHaveLength(2);
    expect(first.expected).toEqual(again.expected);
    expect(planFlaky({ ...options, seed: 'other' }).expected).not.toEqual(first.expected);
  });

  test('makes about an eighth of the flaky ones dead letters, and no other', () => {
    const { completed = 0, dead_letter = 0 } = planFlaky(options).expected;
    expect(completed + dead_letter).toBe(options.count);
    expect(dead_letter / (options.count / 5)).toBeCloseTo(0.125, 1);
    expect(planJobs(options).expected).toEqual({ completed: options.count });
  });

  test('names each job by an idempotency key of this run', () => {
    const { item } = planJobs(options);
    expect(new Set(Array.from({ length: 100 }, (_, index) => item(index)['idempotency_key'])).size).toBe(100);
    expect(planJobs({ ...options, run: 'q' }).item(0)['idempotency_key']).not.toBe(
      item(0)['idempotency_key'],
    );
    expect(planWorkflows(options).item(7)).toMatchObject({ name: 'pipeline-7', steps: { length: 3 } });
  });
});

describe('what a load test says', () => {
  test('every state that has not the count it must have', () => {
    expect(faultsOf({ ended: { completed: 3 }, expected: { completed: 3 } })).toEqual([]);
    expect(
      faultsOf({ ended: { completed: 2, queued: 1 }, expected: { completed: 3, dead_letter: 0 } }),
    ).toEqual(['2 completed, expected 3', '1 queued, expected 0']);
  });

  test('how far it is, how fast, and how long it takes', () => {
    expect(progressLine('ended', { done: 500, total: 1000, elapsedMs: 2000 })).toBe(
      `ended     ${'█'.repeat(15)}${'░'.repeat(15)} 500/1,000  250/s  2 s left`,
    );
    expect(progressLine('ended', { done: 1000, total: 1000, elapsedMs: 4000 })).toMatch(
      /1,000\/1,000 {2}250\/s$/,
    );
  });
});
