import { expect, expectTypeOf, test } from 'vitest';
import { parseDefinition } from '../../../engine/workflow/parse-definition.ts';
import { defineJob, defineWorkflow, type JobContext, type OutputsOf } from '../../../sdk/index.ts';

const extract = defineJob(({ job }: JobContext<{ rows: number }>) => ({ count: job.payload.rows }));

const workflow = defineWorkflow('pipeline', 2)
  .step('extract', { job: 'extract', handler: extract, payload: { rows: 3 }, retryCount: 2 })
  .add({ id: 'ask', type: 'USER_TASK' })
  .step('notify', { job: 'notify', timeout: 'PT1M' })
  .next('other');

test('builds a definition that the server accepts, with the steps one after the other', () => {
  const json = JSON.parse(JSON.stringify(workflow));
  expect(json).toMatchObject({
    ...{ id: 'pipeline', version: 2, autoStartNextWorkflow: true, nextWorkflowId: 'other' },
    steps: [
      { id: 'extract', type: 'SERVICE_TASK', payload: { rows: 3 }, output: 'extract', nextStep: 'ask' },
      { id: 'ask', type: 'USER_TASK', nextStep: 'notify' },
      { id: 'notify', timeout: 'PT1M', nextStep: 'end' },
      { id: 'end', type: 'END' },
    ],
  });
  expect(parseDefinition(JSON.stringify(workflow))).toMatchObject({ kind: 'valid' });
});

test('gives the outputs of its steps their types', () => {
  expectTypeOf<OutputsOf<typeof workflow>['extract']>().toEqualTypeOf<{ count: number }>();
});
