import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../../engine/ports/logger.ts';
import config from '../../../../millrace.config.ts';

async function run(
  type: keyof typeof config.jobs,
  payload: unknown,
  context: { id?: string; attempt?: number } = {},
) {
  const { id = 'job-1', attempt = 1 } = context;
  const job = {
    id,
    type,
    payload,
    payloadText: JSON.stringify(payload),
    attempt,
    maxRetries: 3,
    instanceId: null,
    stepIndex: null,
    idempotencyKey: null,
    partitionKey: null,
    priority: 0,
    createdAt: new Date(0),
  };
  const handler: (context: never) => unknown = config.jobs[type];
  return handler({
    job,
    attempt,
    token: 't',
    signal: new AbortController().signal,
    heartbeat: async () => undefined,
    logger: silentLogger,
  } as never);
}

describe('the sample jobs', () => {
  it('are those of the documents', () => {
    expect(Object.keys(config.jobs).sort()).toEqual([
      'compute',
      'default',
      'extract',
      'flaky',
      'noop',
      'notify',
      'process',
      'send-email',
      'transform',
    ]);
  });

  it('extract, process and notify hand their outputs on', async () => {
    const extract = await run('extract', { rows: 3 });
    const process_ = await run('process', { outputs: { extract } });
    expect(process_).toEqual({ count: 3, total: 60 });
    expect(await run('notify', { outputs: { extract, process: process_ } })).toMatchObject({
      text: 'Finished: extract, process',
    });
  });

  it('flaky fails in the asked share of attempts, the same ones every time', async () => {
    const draw = async () => {
      let failed = 0;
      for (let n = 0; n < 1000; n += 1)
        await run('flaky', { failure_rate: 0.3 }, { id: `job-${n}` }).catch(() => (failed += 1));
      return failed;
    };
    const failed = await draw();
    expect(failed).toBeGreaterThan(250);
    expect(failed).toBeLessThan(350);
    expect(await draw()).toBe(failed);
  });

  it.each([
    [0, 0],
    [1, 50],
  ])('flaky with failure_rate %d fails in %i of 50', async (failure_rate, expected) => {
    const runs = Array.from({ length: 50 }, (_, n) => run('flaky', { failure_rate }, { id: `${n}` }));
    const outcomes = await Promise.allSettled(runs);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(expected);
  });

  it('compute and send-email give the same result for the same job', async () => {
    expect(await run('compute', { iterations: 2500 })).toEqual(await run('compute', { iterations: 2500 }));
    expect(await run('send-email', { to: 'a@example.com' })).toEqual({
      message_id: '<job-1@millrace.local>',
      to: 'a@example.com',
      subject: '',
    });
  });

  it('transform and noop take any payload', async () => {
    expect(await run('transform', { source: 'db', n: 1 })).toEqual({ source: 'DB', n: 1 });
    expect(await run('noop', {})).toBeNull();
  });
});
