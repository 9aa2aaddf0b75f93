import { expect, test } from 'vitest';
import { outcome } from '../client.ts';
import { definition, task } from '../definitions.ts';
import type { DialectStack } from '../stack.ts';

/** How instances are found, ended, and told of. */
export function testInstances({ api, client, start, until }: DialectStack): void {
  const hold = () => definition([{ id: 'hold', type: 'WAIT', nextStep: 'end' }]);

  test('a business key is kept and found by', async () => {
    const flow = hold();
    const businessKey = `order-${flow.id}`;
    const begun = await start(flow, {}, { businessKey });
    expect(begun.businessKey).toBe(businessKey);
    expect(await client.instances({ businessKey })).toMatchObject({ total: 1, items: [{ id: begun.id }] });
  });

  test('an instance is cancelled with a reason, once', async () => {
    const { id } = await start(hold());
    const reason = 'changed my mind';
    expect(await client.cancel(id, reason)).toMatchObject({ status: 'CANCELLED', failureReason: reason });
    expect(await outcome(client.cancel(id))).toBe('conflict');
    expect(await client.instance(id)).toMatchObject({ status: 'CANCELLED' });
  });

  test('the audit trail has a row for the start of an instance, and one for its end', async () => {
    const { id } = await start(definition([task('step-one', 'end')]));
    await until(id, 'COMPLETED');
    const { rows } = await api.database
      .pool()
      .query<{ action: string }>('select action from audit_log where instance_id = $1', [id]);
    expect(rows.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['WORKFLOW_STARTED', 'WORKFLOW_COMPLETED']),
    );
  });
}
