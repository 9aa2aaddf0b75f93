import { expect, test } from 'vitest';
import { waitFor } from '../../../helpers/wait-for.ts';
import { definition, task } from '../definitions.ts';
import type { DialectStack } from '../stack.ts';

/** What time does to a step that waits for something else. */
export function testTimers({ client, start, until }: DialectStack): void {
  const afterOneSecond = (targetStepId: string, interrupting: boolean) => ({
    boundaryEvents: [{ type: 'TIMER', duration: 'PT1S', interrupting, targetStepId }],
  });

  test('a timer that does not interrupt starts its target beside the step', async () => {
    const flow = definition([
      { id: 'ask', type: 'USER_TASK', nextStep: 'end', ...afterOneSecond('remind', false) },
      { id: 'remind', type: 'WAIT', nextStep: 'end' },
    ]);
    const { id } = await start(flow);
    const hasFired = async () => String((await client.instance(id)).currentStepIds) === 'ask,remind';
    await waitFor(hasFired, { within: 30_000, what: 'the timer' });
    await client.completeUserTask(id, 'ask');
    await until(id, 'COMPLETED');
  });

  test('a timer that interrupts ends the step, whose late result changes nothing', async () => {
    const flow = definition([
      task('slow-task', 'end', afterOneSecond('timeout-handler', true)),
      { id: 'timeout-handler', type: 'TRANSFORMATION', transformations: { late: true }, nextStep: 'end' },
    ]);
    const { id } = await start(flow);
    expect((await until(id, 'COMPLETED')).variables).toEqual({ late: true });
    expect(await client.history(id)).toMatchObject([
      { stepId: 'slow-task', status: 'FAILED', failureReason: 'interrupted by boundary timer' },
      { stepId: 'timeout-handler', status: 'COMPLETED' },
      { stepId: 'end' },
    ]);
  });
}
