import { expect, test } from 'vitest';
import { startWorkflow } from '../../../../engine/commands/start-workflow.ts';
import { uploadDefinition } from '../../../../engine/commands/upload-definition.ts';
import { advanceDueInstances } from '../../../../engine/roles/due-instances.ts';
import { createEngine } from '../fixtures.ts';

async function startCircle(steps: readonly object[], head: object = {}) {
  const engine = createEngine();
  const circle = { id: 'circle', name: 'Circle', ...head, steps };
  const uploaded = await uploadDefinition(engine.deps, JSON.stringify(circle));
  expect(uploaded.kind).toBe('stored');
  const outcome = await startWorkflow(engine.deps, { definition: 'circle', input: '{}' });
  if (outcome.kind !== 'started') throw new Error(outcome.kind);
  const instances = await engine.store.listInstances({ limit: 5_000 });
  return { ...engine, id: outcome.instance.id, instances };
}

const end = { id: 'end', name: 'End', type: 'END' };

test('a workflow that is its own child comes to an end, and all that wait for it fail', async () => {
  const child = { id: 'again', name: 'Again', type: 'CHILD_WORKFLOW', workflowId: 'circle', nextStep: 'end' };
  const { deps, store, id, instances } = await startCircle([child, end]);
  expect(instances.length).toBeLessThan(2_000);
  expect(instances.filter(({ status }) => status === 'cancelled')).toHaveLength(1);
  while ((await advanceDueInstances(deps, 100)) > 0);
  const root = await store.getInstance(id);
  expect(root?.instance).toMatchObject({
    status: 'failed',
    failureReason: expect.stringContaining('in a circle'),
  });
});

test('a chain that goes on with itself comes to an end', async () => {
  const { instances } = await startCircle([end], {
    nextWorkflowId: 'circle',
    autoStartNextWorkflow: true,
  });
  expect(instances.length).toBeLessThan(2_000);
  expect(instances.filter(({ status }) => status !== 'completed')).toMatchObject([{ status: 'cancelled' }]);
});
