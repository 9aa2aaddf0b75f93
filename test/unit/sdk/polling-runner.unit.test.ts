import { describe, expect, it } from 'vitest';
import { MillraceError } from '../../../engine/errors.ts';
import type { StepId } from '../../../events/ids.ts';
import type { JobHandlers } from '../../../sdk/define.ts';
import { PollingRunner, type PollingRunnerOptions } from '../../../sdk/polling-runner.ts';
import type { PollApi, WorkerPoll } from '../../../sdk/worker/poll-client.ts';
import { FakeClock } from './worker/fake-clock.ts';
import { createService, jobOf, prepared, type TestService, unavailable } from './worker/fixtures.ts';

/** The poll endpoint over a store in memory; it waits by the clock, without being woken. `polls` are those that came. */
function pollingService(clock: FakeClock) {
  const service = createService(clock);
  const polls: WorkerPoll[] = [];
  const api: PollApi = {
    async poll(poll, signal) {
      polls.push(poll);
      const request = {
        ...poll,
        types: poll.types as StepId[],
        payloadBytes: 1_000_000,
        workerId: 'test',
        leaseMs: 60_000,
      };
      let jobs = await service.store.poll(request);
      if (jobs.length === 0 && poll.waitMs > 0) {
        await clock.sleep(poll.waitMs, signal);
        if (signal?.aborted) throw unavailable();
        jobs = await service.store.poll(request);
      }
      return jobs.map((job) => {
        if (!job.token || !job.leaseUntil) throw new Error('a polled job must have a lease');
        const { token, attempt, leaseUntil } = job;
        return {
          id: job.id,
          claim: { outcome: 'claimed', token, attempt, leaseUntil, job },
          payloadText: job.payload,
        };
      });
    },
  };
  return { service, polls, api };
}

async function enqueue(service: TestService, count = 1) {
  const jobs = Array.from({ length: count }, () => prepared(service).job);
  await service.store.enqueue(jobs);
  return jobs;
}

function runnerFor(
  { service, api }: ReturnType<typeof pollingService>,
  handlers: JobHandlers,
  options: Partial<PollingRunnerOptions> = {},
) {
  const { clock } = service.deps;
  return new PollingRunner({
    apiUrl: 'http://unused',
    handlers,
    clock,
    api: service.api,
    pollApi: api,
    ...options,
  });
}

describe('a worker that polls', () => {
  it('runs what is queued and what is queued later, and its start and stop may be called twice', async () => {
    const clock = new FakeClock();
    const polling = pollingService(clock);
    const [first] = await enqueue(polling.service);
    const runner = runnerFor(polling, {
      noop: ({ job }: { job: { payloadText: string } }) => job.payloadText,
    });
    await Promise.all([runner.start(), runner.start()]);
    const [second] = await enqueue(polling.service);
    await clock.advance(30_000);
    await clock.until(Promise.all([runner.stop(), runner.stop()]));
    for (const { id } of [first, second].filter((job) => job !== undefined)) {
      expect(await jobOf(polling.service, id)).toMatchObject({
        status: 'completed',
        result: '"{}"',
        attempt: 1,
      });
    }
    expect(clock.sleeping).toBe(0);
  });

  it('runs as many as its concurrency says, and asks for more once half have ended', async () => {
    const clock = new FakeClock();
    const polling = pollingService(clock);
    await enqueue(polling.service, 12);
    let [running, most] = [0, 0];
    const ends: (() => void)[] = [];
    const noop = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => ends.push(resolve));
      running -= 1;
    };
    const runner = runnerFor(polling, { noop }, { concurrency: 4 });
    await runner.start();
    await clock.advance(1);
    expect([running, polling.polls.length]).toEqual([4, 1]);
    ends.shift()?.();
    await clock.advance(1);
    expect([running, polling.polls.length]).toEqual([3, 1]);
    ends.shift()?.();
    await clock.advance(1);
    expect([running, polling.polls.length, polling.polls[1]?.limit]).toEqual([4, 2, 2]);
    const stopped = runner.stop();
    while (ends.length > 0) {
      ends.shift()?.();
      await clock.advance(100);
    }
    await clock.until(stopped);
    expect(most).toBe(4);
    expect((await polling.service.store.counts()).running).toBe(0);
  });

  it('takes jobs ahead when told to', async () => {
    const clock = new FakeClock();
    const polling = pollingService(clock);
    await enqueue(polling.service, 9);
    const runner = runnerFor(polling, { noop: () => null }, { concurrency: 2, prefetch: 6 });
    await runner.start();
    expect(polling.polls[0]?.limit).toBe(8);
    await clock.advance(1000);
    await clock.until(runner.stop());
    expect(await polling.service.store.listJobs({ status: 'completed', limit: 20 })).toHaveLength(9);
  });

  it('keeps asking while the API is away, less and less often, and loses no job whose answer was lost', async () => {
    const clock = new FakeClock();
    const polling = pollingService(clock);
    const [job] = await enqueue(polling.service);
    const down = { polls: 6 };
    const api: PollApi = {
      async poll(poll, signal) {
        const answer = await polling.api.poll(poll, signal);
        down.polls -= 1;
        if (down.polls >= 0) throw unavailable();
        return answer;
      },
    };
    const runner = runnerFor({ ...polling, api }, { noop: () => 'done' });
    await runner.start();
    await clock.advance(60_000);
    await clock.until(runner.stop());
    const lost = polling.polls.slice(0, 7);
    expect(new Set(lost.map(({ claimId }) => claimId)).size).toBe(1);
    expect(lost.map(({ again }) => again)).toEqual([false, true, true, true, true, true, true]);
    expect(job && (await jobOf(polling.service, job.id))).toMatchObject({ status: 'completed', attempt: 1 });
  });

  it('says at its start that the API hands out no jobs', async () => {
    const clock = new FakeClock();
    const polling = pollingService(clock);
    const api = { poll: () => Promise.reject(new MillraceError('poll_disabled', 'They go to topics.')) };
    const runner = runnerFor({ ...polling, api }, { noop: () => null });
    await expect(clock.until(runner.start())).rejects.toMatchObject({ code: 'poll_disabled' });
    await clock.until(runner.stop());
    expect(clock.sleeping).toBe(0);
  });

  it('lets handlers end within the grace and then tells them to, and runs what a given-up poll has taken', async () => {
    const clock = new FakeClock();
    const polling = pollingService(clock);
    await enqueue(polling.service);
    const reasons: unknown[] = [];
    const noop = ({ signal }: { signal: AbortSignal }) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          reasons.push(clock.now().getTime() - stoppedAt);
          reject(signal.reason);
        });
      });
    const runner = runnerFor(polling, { noop }, { graceMs: 5_000 });
    await runner.start();
    await clock.advance(1_000);
    const stoppedAt = clock.now().getTime();
    await clock.until(runner.stop());
    expect(reasons).toEqual([5_000]);
    expect(polling.polls.at(-1)?.again).toBe(true);
    expect(await polling.service.store.listJobs({ status: 'retrying', limit: 2 })).toHaveLength(1);
  });

  it('pauses between polls of an API that does not wait', async () => {
    const clock = new FakeClock();
    const polling = pollingService(clock);
    const api: PollApi = { poll: (poll, signal) => polling.api.poll({ ...poll, waitMs: 0 }, signal) };
    const runner = runnerFor({ ...polling, api }, { noop: () => null }, { pollIntervalMs: 500 });
    await runner.start();
    await clock.advance(5_100);
    await clock.until(runner.stop());
    expect(polling.polls.length).toBeGreaterThanOrEqual(11);
    expect(polling.polls.length).toBeLessThanOrEqual(13);
  });

  it('refuses a worker without types', () => {
    const polling = pollingService(new FakeClock());
    expect(() => runnerFor(polling, {})).toThrow(/no job type/);
  });
});
