import { expect, test } from 'vitest';
import { waitFor } from '../../../helpers/wait-for.ts';
import { definition, task } from '../definitions.ts';
import type { DialectStack } from '../stack.ts';

/** Workflows that begin where others end. */
export function testChains({ api, client, start, until }: DialectStack): void {
  const chained = (nextWorkflowId: string) =>
    definition([task('step-one', 'end')], { autoStartNextWorkflow: true, nextWorkflowId });

  test('the end of a workflow starts the next one with its variables', async () => {
    const second = definition([task('step-two', 'end')]);
    const first = chained(second.id);
    // The first may be uploaded before the one it names.
    await client.upload(first);
    await client.upload(second);
    const { id } = await start(first, { from: 'the first' });
    await until(id, 'COMPLETED');
    const ended = () => client.instances({ definitionId: second.id, status: 'COMPLETED' });
    await waitFor(async () => (await ended()).total === 1, { within: 30_000, what: 'the second' });
    expect((await ended()).items).toMatchObject([{ variables: { from: 'the first', one: true, two: true } }]);
  });

  test('the end of a workflow whose next one was never uploaded is an end all the same, and recorded', async () => {
    const { id } = await start(chained('none'));
    await until(id, 'COMPLETED');
    const { rows } = await api.database
      .pool()
      .query("select detail from audit_log where instance_id = $1 and action = 'WORKFLOW_NOT_CHAINED'", [id]);
    expect(rows).toEqual([{ detail: { missing_definition: 'none' } }]);
  });
}
