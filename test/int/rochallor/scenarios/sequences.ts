import { expect, test } from 'vitest';
import { definition, task } from '../definitions.ts';
import type { DialectStack } from '../stack.ts';

/** One step after the other. */
export function testSequences({ client, start, until }: DialectStack): void {
  test('a linear workflow runs its service tasks, and its history tells of each', async () => {
    const flow = definition([task('step-one', 'step-two'), task('step-two', 'end')]);
    const begun = await start(flow, { n: 1 });
    expect(begun).toMatchObject({ status: 'ACTIVE', currentStepIds: ['step-one'], definitionVersion: 1 });
    const done = await until(begun.id, 'COMPLETED');
    expect(done).toMatchObject({ variables: { n: 1, one: true, two: true }, currentStepIds: [] });
    expect(done.completedAt).not.toBe('');
    expect(await client.history(begun.id)).toMatchObject([
      { stepId: 'step-one', stepType: 'SERVICE_TASK', status: 'COMPLETED', attemptNumber: 1 },
      { stepId: 'step-two', stepType: 'SERVICE_TASK', status: 'COMPLETED', attemptNumber: 1 },
      { stepId: 'end', stepType: 'END', status: 'COMPLETED' },
    ]);
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
    const { variables } = await start(flow, { first: 'Alice' });
    expect(variables).toMatchObject({ fullName: 'Alice', greeting: 'Hello', score: 42 });
    expect(variables['at']).toMatch(/^\d{4}-\d\d-\d\dT/);
  });
}
