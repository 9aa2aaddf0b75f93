import { describe, expect, test } from 'vitest';
import { defineConfig, defineJob, defineWorkflow } from '../../../sdk/index.ts';
import { TestService } from '../../../sdk/testing.ts';

const sent: string[] = [];
const charge = defineJob(
  async ({ job, attempt }: { job: { payload: { order: string; fails?: number } }; attempt: number }) => {
    if (attempt <= (job.payload.fails ?? 0)) throw new Error('the bank is away');
    return { receipt: `r-${job.payload.order}` };
  },
);
const remind = defineJob(async ({ job }: { job: { payload: { order: string } } }) => {
  sent.push(job.payload.order);
  return null;
});
const config = defineConfig({
  jobs: { charge, remind },
  workflows: [
    defineWorkflow('order')
      .step('charge', { job: 'charge', handler: charge, payload: { order: '7', fails: 2 }, retryCount: 3 })
      .add({ id: 'calm', type: 'SLEEP', duration: 'P7D' })
      .add({ id: 'answer', type: 'WAIT' })
      .step('remind', { job: 'remind', handler: remind, payload: { order: '7' } }),
  ],
});

describe('a service under test', () => {
  test('retries after the delays of its policy, and no sooner', async () => {
    const service = new TestService(config);
    const id = await service.enqueue('charge', { order: '1', fails: 2 });
    await service.settle();
    expect(await service.job(id)).toMatchObject({
      status: 'retrying',
      attempt: 1,
      lastError: 'the bank is away',
    });
    await service.advance('999ms');
    expect(await service.job(id)).toMatchObject({ attempt: 1 });
    await service.advance('1ms');
    expect(await service.job(id)).toMatchObject({ attempt: 2 });
    await service.advance('2s');
    expect(await service.job(id, 'charge')).toMatchObject({
      status: 'completed',
      result: { receipt: 'r-1' },
    });
  });

  test('ends a job as a dead letter when its retries are spent', async () => {
    const service = new TestService(config);
    const id = await service.enqueue('charge', { order: '1', fails: 9 }, { maxRetries: 1 });
    await service.advance('1h');
    expect(await service.job(id)).toMatchObject({ status: 'dead_letter', attempt: 2 });
  });

  test('goes through a week of a workflow at once, and waits for what it is to be told', async () => {
    sent.length = 0;
    const service = new TestService(config, { now: new Date('2026-03-01T00:00:00Z') });
    const id = await service.start('order');
    await service.advance('6d');
    expect((await service.workflow(id)).status).toBe('running');
    expect(sent).toEqual([]);
    await service.advance('2d');
    await service.signal(id, 'answer', { ok: true });
    await service.settle();
    const { status, variables, jobs } = await service.workflow(id);
    expect({ status, ok: variables['ok'], sent }).toEqual({ status: 'completed', ok: true, sent: ['7'] });
    expect(jobs.map(({ type, attempt }) => `${type} ${attempt}`)).toEqual(['charge 3', 'remind 1']);
    expect(service.now).toEqual(new Date('2026-03-09T00:00:00Z'));
  });

  test('refuses what the service does not have', async () => {
    const service = new TestService(config);
    await expect(service.start('none')).rejects.toThrow('the service has no such workflow');
    await expect(service.advance('1 week')).rejects.toThrow('is not a duration');
  });
});
