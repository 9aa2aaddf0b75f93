import { describe, expect, test } from 'vitest';
import { define, end, Run } from './graphs.ts';

const table = (hitPolicy: string, more: Record<string, unknown> = {}) =>
  define([
    {
      id: 'rate',
      type: 'DECISION_TABLE',
      nextStep: 'end',
      table: {
        hitPolicy,
        rules: [
          { when: ['n > 10'], set: { fee: '${n * 2}' } },
          { when: ['n > 5', 'vip'], set: { fee: 7 } },
          { when: ['n > 5', 'vip || n > 7'], set: { fee: 7 } },
        ],
        ...more,
      },
    },
    end,
  ]);

function outcome(hitPolicy: string, input: { n: number; vip: boolean }, more: Record<string, unknown> = {}) {
  const run = new Run(table(hitPolicy, more), input);
  return run.instance.status === 'completed'
    ? (run.variables as { fee?: unknown }).fee
    : run.instance.failureReason;
}

describe('the hit policy', () => {
  test.each([
    ['FIRST', { n: 20, vip: true }, 40],
    ['FIRST', { n: 6, vip: true }, 7],
    ['UNIQUE', { n: 8, vip: false }, 7],
    ['ANY', { n: 6, vip: true }, 7],
    ['RULE_ORDER', { n: 20, vip: true }, [40, 7, 7]],
    ['COLLECT', { n: 20, vip: false }, [40, 7]],
    ['COLLECT', { n: 1, vip: false }, []],
    ['SUM', { n: 20, vip: true }, 54],
    ['SUM', { n: 1, vip: true }, 0],
    ['COUNT', { n: 20, vip: true }, 3],
    ['MAX', { n: 20, vip: true }, 40],
    ['MIN', { n: 20, vip: true }, 7],
    ['MIN', { n: 1, vip: true }, null],
  ])('%s of %j', (policy, input, fee) => {
    expect(outcome(policy, input)).toEqual(fee);
  });

  test.each([
    ['UNIQUE', { n: 6, vip: true }, '2 rules match'],
    ['ANY', { n: 20, vip: true }, 'differ'],
    ['FIRST', { n: 1, vip: true }, 'DecisionNoBranchMatched'],
    ['UNIQUE', { n: 1, vip: true }, 'DecisionNoBranchMatched'],
  ])('%s of %j fails the step', (policy, input, reason) => {
    expect(outcome(policy, input)).toContain(reason);
  });

  test('does not matter when no rule matches and there is an otherwise', () => {
    expect(outcome('UNIQUE', { n: 1, vip: true }, { otherwise: { fee: 0 } })).toBe(0);
  });
});
