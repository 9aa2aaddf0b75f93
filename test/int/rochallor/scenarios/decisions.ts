import { expect, test } from 'vitest';
import { definition } from '../definitions.ts';
import type { DialectStack } from '../stack.ts';

/** Which way a workflow takes. */
export function testDecisions({ client, start, post }: DialectStack): void {
  const set = (path: string) => ({
    ...{ id: path, type: 'TRANSFORMATION', transformations: { path }, nextStep: 'end' },
  });

  test.each([
    [500, 'high'],
    [50, 'middle'],
    [5, 'low'],
  ])(
    'a decision about %i takes the first branch that holds, in the order of declaration',
    async (n, path) => {
      const conditionalNextSteps = { 'n > 100': 'high', 'n > 10': 'middle', 'n > 1': 'low' };
      const choose = { id: 'choose', type: 'DECISION', conditionalNextSteps };
      const begun = await start(definition([choose, set('high'), set('middle'), set('low')]), { n });
      expect(begun).toMatchObject({ status: 'COMPLETED', variables: { n, path } });
    },
  );

  test('a decision without a match fails the instance with the reason', async () => {
    const flow = definition([{ id: 'choose', type: 'DECISION', conditionalNextSteps: { 'n > 9': 'end' } }]);
    const failed = await start(flow, { n: 1 });
    expect(failed).toMatchObject({ status: 'FAILED' });
    expect(failed.failureReason).toContain('DecisionNoBranchMatched');
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
    // The messages of gRPC have no field for a table: its definition always comes over REST.
    expect((await post('definitions', flow)).status).toBe(201);
    const rated = async (score: number) => (await client.start(flow.id, { variables: { score } })).variables;
    expect(await rated(710)).toEqual({ score: 710, rate: 3 });
    expect(await rated(1)).toEqual({ score: 1, rate: 9 });
  });
}
