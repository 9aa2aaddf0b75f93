import { expect, test } from 'vitest';
import { Turns } from '../../../../adapters/postgres/turns.ts';

test('work under one key goes one after the other, also after a failure, and other keys do not wait', async () => {
  const turns = new Turns();
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = turns.take('a', async () => {
    await gate.promise;
    log.push('first');
    throw new Error('no');
  });
  const second = turns.take('a', async () => log.push('second'));
  await turns.take('b', async () => log.push('other'));
  expect(log).toEqual(['other']);
  gate.resolve();
  await expect(first).rejects.toThrow('no');
  await second;
  expect(log).toEqual(['other', 'first', 'second']);
});
