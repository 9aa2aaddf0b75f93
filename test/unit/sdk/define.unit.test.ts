import { describe, expect, expectTypeOf, it } from 'vitest';
import { defineConfig, defineJob, type PayloadOf, type ResultOf } from '../../../sdk/define.ts';
import { defineWorkflow } from '../../../sdk/define-workflow.ts';

describe('the description of a service', () => {
  it('carries the types of payloads and results', () => {
    const config = defineConfig({
      jobs: {
        'send-email': defineJob<{ to: string }, { sent: boolean }>(({ job }) => ({
          sent: job.payload.to !== '',
        })),
        later: async ({ job }: { job: { payload: { n: number } } }) => job.payload.n,
      },
      workflows: [defineWorkflow('mails').step('first', { job: 'send-email' })],
    });
    expectTypeOf<PayloadOf<(typeof config.jobs)['send-email']>>().toEqualTypeOf<{ to: string }>();
    expectTypeOf<ResultOf<(typeof config.jobs)['send-email']>>().toEqualTypeOf<{ sent: boolean }>();
    expectTypeOf<ResultOf<(typeof config.jobs)['later']>>().toEqualTypeOf<number>();
    expect(Object.keys(config.jobs)).toEqual(['send-email', 'later']);
  });

  it('refuses a name that could not be a topic', () => {
    expect(() => defineConfig({ jobs: { 'send email': () => null } })).toThrow(
      '"send email" cannot be a job type',
    );
  });

  it('refuses a handler that is no function', () => {
    expect(() => defineConfig({ jobs: { a: 'x' as never } })).toThrow('jobs["a"] is not a function');
  });
});
