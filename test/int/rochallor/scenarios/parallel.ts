import { expect, test } from 'vitest';
import { definition, task } from '../definitions.ts';
import type { DialectStack } from '../stack.ts';

/** Steps side by side. */
export function testParallel({ client, start, until }: DialectStack): void {
  const fork = (...parallelNextSteps: string[]) => ({
    ...{ id: 'fork', type: 'PARALLEL_GATEWAY', parallelNextSteps, joinStep: 'join' },
  });

  test('parallel branches join once', async () => {
    const flow = definition([
      fork('credit-check', 'fraud-check'),
      task('credit-check', 'step-one'),
      task('step-one', 'join'),
      task('fraud-check', 'join'),
      { id: 'join', type: 'JOIN_GATEWAY', nextStep: 'step-two' },
      task('step-two', 'end'),
    ]);
    const begun = await start(flow);
    expect(begun.currentStepIds).toEqual(['credit-check', 'fraud-check']);
    await until(begun.id, 'COMPLETED');
    const ids = (await client.history(begun.id)).map(({ stepId }) => stepId);
    expect(ids.filter((id) => id === 'join' || id === 'step-two')).toHaveLength(2);
  });

  test('a user task in a parallel branch waits beside the tasks of the others', async () => {
    const flow = definition([
      fork('ask', 'step-one'),
      { id: 'ask', type: 'USER_TASK', nextStep: 'join' },
      task('step-one', 'join'),
      { id: 'join', type: 'JOIN_GATEWAY', nextStep: 'end' },
    ]);
    const begun = await start(flow);
    expect(begun).toMatchObject({ status: 'WAITING', currentStepIds: ['ask', 'step-one'] });
    await client.completeUserTask(begun.id, 'ask');
    await until(begun.id, 'COMPLETED');
  });
}
