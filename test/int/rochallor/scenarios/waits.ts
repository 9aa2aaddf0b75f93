import { expect, test } from 'vitest';
import { outcome } from '../client.ts';
import { definition, task } from '../definitions.ts';
import type { DialectStack } from '../stack.ts';

/** What waits for a person or a signal. */
export function testWaits({ client, start, until }: DialectStack): void {
  test('a user task waits until it is completed, once', async () => {
    const flow = definition([
      { id: 'ask', type: 'USER_TASK', nextStep: 'step-one' },
      task('step-one', 'end'),
    ]);
    const begun = await start(flow);
    expect(begun).toMatchObject({ status: 'WAITING', currentStepIds: ['ask'] });
    await client.completeUserTask(begun.id, 'ask', { approved: true });
    // Refused as a task that is no longer open, or, when the task behind it was quick, as one of an instance that has ended.
    const again = await outcome(client.completeUserTask(begun.id, 'ask', { approved: false }));
    expect(['missing', 'conflict']).toContain(again);
    expect((await until(begun.id, 'COMPLETED')).variables).toMatchObject({ approved: true });
  });

  test('a wait takes its signal with variables, and no other one', async () => {
    const flow = definition([
      { id: 'hold', type: 'WAIT', nextStep: 'ask' },
      { id: 'ask', type: 'USER_TASK', nextStep: 'end' },
    ]);
    const { id, ...begun } = await start(flow);
    expect(begun).toMatchObject({ status: 'WAITING', currentStepIds: ['hold'] });
    expect(await outcome(client.signal(id, 'nothing'))).toBe('conflict');
    expect(await outcome(client.signal(id, 'ask'))).toBe('invalid');
    expect(await outcome(client.signal('01J00000000000000000000000', 'hold'))).toBe('missing');
    expect(await outcome(client.signal(id, 'hold', { color: 'red' }))).toBe('answered');
    expect(await outcome(client.signal(id, 'hold'))).toBe('conflict');
    expect(await outcome(client.completeUserTask(id, 'hold'))).toBe('invalid');
    expect(await outcome(client.completeUserTask(id, 'ask'))).toBe('answered');
    expect(await until(id, 'COMPLETED')).toMatchObject({ variables: { color: 'red' } });
    expect(await outcome(client.completeUserTask(id, 'ask'))).toBe('conflict');
  });

  test('a signal for a step that is still to come is refused, and not kept', async () => {
    const flow = definition([
      { id: 'ask', type: 'USER_TASK', nextStep: 'hold' },
      { id: 'hold', type: 'WAIT', nextStep: 'end' },
    ]);
    const { id } = await start(flow);
    expect(await outcome(client.signal(id, 'hold'))).toBe('conflict');
    await client.completeUserTask(id, 'ask');
    expect(await client.instance(id)).toMatchObject({ status: 'WAITING', currentStepIds: ['hold'] });
  });
}
