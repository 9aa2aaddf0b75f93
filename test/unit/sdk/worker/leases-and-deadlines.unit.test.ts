import { describe, expect, it } from 'vitest';
import { cancelJob } from '../../../../engine/commands/cancel.ts';
import type { JobContext } from '../../../../sdk/define.ts';
import { lambdaDeadline, RunnerDeadline } from '../../../../sdk/worker/deadline.ts';
import { createProcessRecords } from '../../../../sdk/worker/process-records.ts';
import { FakeClock } from './fake-clock.ts';
import { createService, dispatched, farDeadline, jobOf } from './fixtures.ts';

const LEASE_MS = 60_000;

function setUp(
  noop: (context: JobContext, clock: FakeClock) => unknown,
  lease: { readonly leaseMs: number; readonly beatMs?: number } = { leaseMs: LEASE_MS },
) {
  const clock = new FakeClock();
  const service = createService(clock);
  const process = createProcessRecords({
    handlers: { noop: (context: JobContext) => noop(context, clock) },
    api: service.api,
    ...lease,
    clock,
  });
  return { clock, service, process };
}

/** Ends at the signal, or after the time. */
function obedient(milliseconds: number) {
  return async ({ signal }: JobContext, clock: FakeClock) => {
    await clock.sleep(milliseconds, signal);
    signal.throwIfAborted();
  };
}

describe('the lease of a running job', () => {
  it.each([
    ['every 5 seconds', { leaseMs: 60_000 }, 11],
    ['every third of its length when it is short', { leaseMs: 6_000 }, 29],
    ['as often as asked for', { leaseMs: 60_000, beatMs: 10_000 }, 5],
  ])('is extended %s, all in one call, for as long as the handler runs', async (_how, lease, beats) => {
    const { clock, service, process } = setUp(obedient(60_000), lease);
    const records = [await dispatched(service), await dispatched(service, { partition: 1 })];
    expect(await clock.until(process(records, farDeadline()))).toEqual({ failed: [] });
    expect(service.calls.heartbeat).toBe(beats);
    for (const { jobId } of records) expect((await jobOf(service, jobId)).status).toBe('completed');
  });

  it('aborts the handler within 5 seconds of a cancel, and its result is not sent', async () => {
    const reasons: unknown[] = [];
    let abortedAfterMs = Number.POSITIVE_INFINITY;
    const { clock, service, process } = setUp(async ({ signal }, clock) => {
      const begun = clock.now().getTime();
      await clock.sleep(10 * LEASE_MS, signal);
      abortedAfterMs = clock.now().getTime() - begun;
      reasons.push(signal.reason);
      return 'too late';
    });
    const { jobId, ...incoming } = await dispatched(service);
    const outcome = process([incoming], farDeadline());
    await clock.advance(1_000);
    await cancelJob(service.deps, jobId, { actor: 'test' });
    expect(await clock.until(outcome)).toEqual({ failed: [] });
    expect(abortedAfterMs).toBeLessThanOrEqual(6_000);
    expect(String(reasons[0])).toContain('the job is cancelled');
    expect(service.calls.complete + service.calls.fail).toBe(0);
  });

  it('can be extended by the handler, who learns when it is lost', async () => {
    const { clock, service, process } = setUp(async ({ heartbeat, job }) => {
      await heartbeat();
      const [running] = await service.store.getJobs([job.id as never]);
      if (!running) throw new Error('gone');
      const expect_ = { status: 'running', attempt: 1 } as const;
      await service.store.commit({
        units: [{ job: { id: running.id, expect: expect_, status: 'cancelled' }, enqueue: [], audit: [] }],
      });
      await expect(heartbeat()).rejects.toThrow('the job is cancelled');
    });
    const { jobId, ...incoming } = await dispatched(service);
    expect(await clock.until(process([incoming], farDeadline()))).toEqual({ failed: [] });
    expect((await jobOf(service, jobId)).status).toBe('cancelled');
  });

  it('is given up when the API stays away for its whole length', async () => {
    const clock = new FakeClock();
    const service = createService(clock, { heartbeat: () => Promise.reject(new Error('away')) });
    let reason = '';
    const noop = async ({ signal }: JobContext) => {
      await clock.sleep(10 * LEASE_MS, signal);
      reason = String(signal.reason);
      throw new Error('stopped');
    };
    const process = createProcessRecords({ handlers: { noop }, api: service.api, leaseMs: LEASE_MS, clock });
    await clock.until(process([await dispatched(service)], farDeadline()));
    expect(reason).toContain('the lease ran out');
  });

  it('leaves no timer behind', async () => {
    const { clock, service, process } = setUp(() => 'done');
    await clock.until(process([await dispatched(service)], farDeadline()));
    expect(clock.sleeping).toBe(0);
  });
});

describe('an attempt that never ends', () => {
  it('fails after its time limit although the handler does not obey its signal', async () => {
    const clock = new FakeClock();
    const service = createService(clock);
    const noop = () => new Promise<never>(() => undefined);
    const options = {
      handlers: { noop },
      api: service.api,
      leaseMs: LEASE_MS,
      clock,
      handlerTimeoutMs: 5_000,
    };
    const { jobId, ...incoming } = await dispatched(service);
    expect(await clock.until(createProcessRecords(options)([incoming], farDeadline()))).toEqual({
      failed: [],
    });
    const job = await jobOf(service, jobId);
    expect(job.status).toBe('retrying');
    expect(job.lastError).toContain('took longer than 5000 ms');
  });
});

describe('the time limit of a Lambda function', () => {
  function invoke(setup: ReturnType<typeof setUp>, seconds: number) {
    const end = setup.clock.now().getTime() + seconds * 1000;
    const deadline = lambdaDeadline(() => end - setup.clock.now().getTime(), setup.clock);
    return { deadline, end };
  }

  it('leaves unclaimed what cannot start any more, and lets it come again', async () => {
    const setup = setUp(obedient(10_000));
    const records = [];
    for (let count = 0; count < 10; count += 1) records.push(await dispatched(setup.service));
    const { deadline, end } = invoke(setup, 60);
    const { failed } = await setup.clock.until(setup.process(records, deadline));
    deadline[Symbol.dispose]();
    expect(setup.clock.now().getTime()).toBeLessThan(end);
    const jobs = await Promise.all(records.map(({ jobId }) => jobOf(setup.service, jobId)));
    const firstLeft = jobs.findIndex(({ status }) => status === 'queued');
    expect(firstLeft).toBeGreaterThanOrEqual(4);
    expect(failed).toEqual([{ partition: 0, offset: records[firstLeft]?.offset }]);
    expect(jobs.slice(firstLeft).every(({ attempt }) => attempt === 0)).toBe(true);
    expect(jobs.slice(0, firstLeft).every(({ status }) => status === 'completed')).toBe(true);
  });

  it('aborts what runs shortly before, and fails that attempt so that it is tried again', async () => {
    const setup = setUp(obedient(3_600_000));
    const { jobId, ...incoming } = await dispatched(setup.service);
    const { deadline, end } = invoke(setup, 60);
    expect(await setup.clock.until(setup.process([incoming], deadline))).toEqual({ failed: [] });
    deadline[Symbol.dispose]();
    expect(setup.clock.now().getTime()).toBeLessThan(end);
    const job = await jobOf(setup.service, jobId);
    expect(job.status).toBe('retrying');
    expect(job.lastError).toContain('about to reach its time limit');
  });

  it('leaves no timer behind when the invocation ends before', async () => {
    const setup = setUp(() => 'done');
    const { deadline } = invoke(setup, 60);
    await setup.clock.until(setup.process([await dispatched(setup.service)], deadline));
    deadline[Symbol.dispose]();
    expect(setup.clock.sleeping).toBe(0);
  });
});

describe('the shutdown of a long-lived worker', () => {
  it('finishes what is claimed, and claims nothing more', async () => {
    const setup = setUp(obedient(2_000));
    const records = [];
    for (let count = 0; count < 30; count += 1) records.push(await dispatched(setup.service));
    const deadline = new RunnerDeadline({ clock: setup.clock, graceMs: 20_000 });
    const outcome = setup.process(records, deadline);
    await setup.clock.advance(3_000);
    deadline.beginStop();
    const { failed } = await setup.clock.until(outcome);
    deadline.finish();
    const jobs = await Promise.all(records.map(({ jobId }) => jobOf(setup.service, jobId)));
    expect(new Set(jobs.map(({ status }) => status))).toEqual(new Set(['completed', 'queued']));
    const firstLeft = jobs.findIndex(({ status }) => status === 'queued');
    expect(failed).toEqual([{ partition: 0, offset: records[firstLeft]?.offset }]);
    expect(setup.clock.sleeping).toBe(0);
  });

  it('aborts what runs on after the grace, and fails that attempt so that it is tried again', async () => {
    const setup = setUp(obedient(3_600_000));
    const { jobId, ...incoming } = await dispatched(setup.service);
    const deadline = new RunnerDeadline({ clock: setup.clock, graceMs: 20_000 });
    const outcome = setup.process([incoming], deadline);
    await setup.clock.advance(1_000);
    deadline.beginStop();
    expect(await setup.clock.until(outcome)).toEqual({ failed: [] });
    const job = await jobOf(setup.service, jobId);
    expect([job.status, job.lastError]).toEqual(['retrying', 'the worker is shutting down']);
  });
});
