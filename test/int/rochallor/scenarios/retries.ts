import { expect, test } from 'vitest';
import { outcome } from '../client.ts';
import { definition, task } from '../definitions.ts';
import type { DialectStack } from '../stack.ts';

/** What becomes of a task that fails. */
export function testRetries({ api, client, start, until }: DialectStack): void {
  test('a task that fails is tried again as often as its retryCount says', async () => {
    const { id } = await start(definition([task('flaky-task', 'end', { retryCount: 2 })]));
    expect((await until(id, 'COMPLETED')).variables).toEqual({ recovered: true });
  });

  test('a task that fails every time fails the instance with the reason of the worker', async () => {
    const { id } = await start(definition([task('always-fails', 'end', { retryCount: 1 })]));
    expect((await until(id, 'FAILED')).failureReason).toContain('it never works');
    const { rows } = await api.database
      .pool()
      .query('select attempt, status from jobs where instance_id = $1', [id]);
    expect(rows).toEqual([{ attempt: 2, status: 'dead_letter' }]);
  });

  test('a failed step is begun again by hand with other variables', async () => {
    const { id } = await start(definition([task('fragile', 'end')]));
    await until(id, 'FAILED');
    const mended = { mended: true };
    if (client.retryStep) {
      expect(await outcome(client.retryStep(id, 'nothing'))).toBe('missing');
      expect(await client.retryStep(id, 'fragile', mended)).toMatchObject({ variables: mended });
      expect(await outcome(client.retryStep(id, 'fragile'))).toBe('conflict');
    } else {
      // Over REST the hand is that of Millrace's own API.
      const path = `/api/v1/workflows/${id}/steps/fragile/retry`;
      expect((await api.post(path, { variables: mended })).status).toBe(200);
    }
    expect((await until(id, 'COMPLETED')).variables).toEqual({ mended: true, whole: true });
  });
}
