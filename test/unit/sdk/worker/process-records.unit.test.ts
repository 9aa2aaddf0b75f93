import { describe, expect, it } from 'vitest';
import type { JobContext } from '../../../../sdk/define.ts';
import { NonRetryableError } from '../../../../sdk/non-retryable-error.ts';
import { RetryAfterError } from '../../../../sdk/retry-after-error.ts';
import { createProcessRecords } from '../../../../sdk/worker/process-records.ts';
import { FakeClock } from './fake-clock.ts';
import { createService, dispatched, farDeadline, jobOf, record, unavailable } from './fixtures.ts';
import { setUp } from './processing.ts';

describe('a batch of records', () => {
  it('ends with every job completed and every record handled', async () => {
    const { service, run } = setUp();
    const records = [await dispatched(service), await dispatched(service, { partition: 1 })];
    expect(await run(records)).toEqual({ failed: [] });
    for (const { jobId } of records) {
      expect(await jobOf(service, jobId)).toMatchObject({
        status: 'completed',
        result: '"done"',
        attempt: 1,
      });
    }
  });

  it('is claimed in one call and completed in one call once the pace is known', async () => {
    const { service, run } = setUp();
    await run([await dispatched(service)]);
    const before = { ...service.calls };
    const records = await Promise.all(
      Array.from({ length: 50 }, (_, index) => dispatched(service, { partition: index % 4 })),
    );
    expect(await run(records)).toEqual({ failed: [] });
    expect(service.calls.claim - before.claim).toBe(1);
    expect(service.calls.complete - before.complete).toBe(1);
  });

  it('runs the records of a partition in the order of their offsets', async () => {
    const seen: string[] = [];
    const noop = async ({ job }: JobContext<{ n: string }>) => {
      await Promise.resolve();
      seen.push(job.payload.n);
    };
    const { service, run } = setUp({ handlers: { noop } });
    const records = [];
    for (const n of ['1', '2', '3', '4'])
      records.push(await dispatched(service, { payload: `{"n":"${n}"}` }));
    await run(records.toReversed());
    expect(seen).toEqual(['1', '2', '3', '4']);
  });

  it('with concurrency runs different keys side by side and each key in order', async () => {
    const seen: string[] = [];
    let running = 0;
    let most = 0;
    const clock = new FakeClock();
    const noop = async ({ job }: JobContext<{ n: string }>) => {
      running += 1;
      most = Math.max(most, running);
      await clock.sleep(job.payload.n === 'a1' ? 100 : 10);
      seen.push(job.payload.n);
      running -= 1;
    };
    const service = createService(clock);
    const process = createProcessRecords({
      handlers: { noop },
      api: service.api,
      leaseMs: 60_000,
      concurrency: 2,
      clock,
    });
    const records = [];
    for (const n of ['a1', 'b1', 'a2', 'b2']) {
      records.push(await dispatched(service, { payload: `{"n":"${n}"}`, partitionKey: n.charAt(0) }));
    }
    expect(await clock.until(process(records, farDeadline({ horizonMs: () => 1e9 })))).toEqual({
      failed: [],
    });
    expect(most).toBe(2);
    expect(seen.indexOf('a1')).toBeLessThan(seen.indexOf('a2'));
    expect(seen.indexOf('b1')).toBeLessThan(seen.indexOf('b2'));
    expect(seen[0]).toBe('b1');
  });

  it('takes a record that came before for handled, without running the job again', async () => {
    let runs = 0;
    const { service, run } = setUp({ handlers: { noop: () => ++runs } });
    const first = await dispatched(service);
    await run([first]);
    expect(await run([first, { ...first, partition: 3 }])).toEqual({ failed: [] });
    expect(runs).toBe(1);
  });

  it('records what is not a dispatch, and passes it over', async () => {
    const { service, run } = setUp();
    const good = await dispatched(service);
    const batch = [record({ value: Buffer.from('garbage') }), record({ value: null }), good];
    expect(await run(batch)).toEqual({ failed: [] });
    expect(service.store.undecodable.map(({ offset }) => offset)).toEqual(
      batch.slice(0, 2).map(({ offset }) => offset),
    );
    expect((await jobOf(service, good.jobId)).status).toBe('completed');
  });

  it('stops a partition at an undecodable record that cannot be recorded', async () => {
    const { service, run } = setUp({
      api: () => ({ recordUndecodable: () => Promise.reject(unavailable()) }),
    });
    const before = await dispatched(service);
    const garbage = record({ value: Buffer.from('garbage') });
    const after = await dispatched(service);
    expect(await run([before, garbage, after])).toEqual({
      failed: [{ partition: 0, offset: garbage.offset }],
    });
    expect((await jobOf(service, before.jobId)).status).toBe('completed');
    expect((await jobOf(service, after.jobId)).status).toBe('queued');
  });
});

describe('the result of an attempt', () => {
  it.each([
    ['an error', () => Promise.reject(new Error('no luck')), 'retrying', 'no luck'],
    [
      'a NonRetryableError',
      () => Promise.reject(new NonRetryableError('bad address')),
      'dead_letter',
      'bad address',
    ],
    ['something thrown that is no error', () => Promise.reject('plain text'), 'retrying', 'plain text'],
    ['a result that is no JSON', () => ({ big: 1n }), 'dead_letter', 'cannot be JSON'],
    ['a function as the result', () => () => 1, 'dead_letter', 'it is a function'],
    ['a result over 256 KB', () => 'x'.repeat(256 * 1024), 'dead_letter', 'at most 262144'],
  ] as const)('is %s: the record is handled, the job fails', async (_, noop, status, message) => {
    const { service, run } = setUp({ handlers: { noop } });
    const { jobId, ...incoming } = await dispatched(service);
    expect(await run([incoming])).toEqual({ failed: [] });
    const job = await jobOf(service, jobId);
    expect(job.status).toBe(status);
    expect(job.lastError).toContain(message);
  });

  it('says when to try again where the handler knows it', async () => {
    const noop = () => Promise.reject(new RetryAfterError(3_600_000, 'too many requests'));
    const { service, run } = setUp({ handlers: { noop } });
    const { jobId, ...incoming } = await dispatched(service);
    await run([incoming]);
    const { status, runAt, updatedAt, lastError } = await jobOf(service, jobId);
    expect([status, lastError]).toEqual(['retrying', expect.stringContaining('too many requests')]);
    expect(runAt.getTime() - updatedAt.getTime()).toBe(3_600_000);
  });

  it('keeps at most 8 KB of an error, without characters that PostgreSQL refuses', async () => {
    const noop = () => Promise.reject(new Error(`\0${'é'.repeat(9000)}`));
    const { service, run } = setUp({ handlers: { noop } });
    const { jobId, ...incoming } = await dispatched(service);
    await run([incoming]);
    const { lastError } = await jobOf(service, jobId);
    expect(Buffer.byteLength(lastError ?? '')).toBeLessThanOrEqual(8192);
    expect(lastError).not.toContain('\0');
    expect(lastError?.endsWith('é')).toBe(true);
  });

  it('is null for a handler that returns nothing', async () => {
    const { service, run } = setUp({ handlers: { noop: () => undefined } });
    const { jobId, ...incoming } = await dispatched(service);
    await run([incoming]);
    expect((await jobOf(service, jobId)).result).toBe('null');
  });

  it('names the handlers there are when there is none for the type', async () => {
    const { service, run } = setUp({ handlers: { b: () => 1, a: () => 1 } });
    const { jobId, ...incoming } = await dispatched(service, { type: 'toString' });
    expect(await run([incoming])).toEqual({ failed: [] });
    const job = await jobOf(service, jobId);
    expect(job.status).toBe('dead_letter');
    expect(job.lastError).toContain('"toString"; it has: a, b');
  });

  it('of a fast job does not wait for a slow neighbour', async () => {
    const clock = new FakeClock();
    const noop = ({ job }: JobContext<{ slow?: boolean }>) =>
      job.payload.slow ? clock.sleep(5_000) : undefined;
    const service = createService(clock);
    const process = createProcessRecords({ handlers: { noop }, api: service.api, leaseMs: 60_000, clock });
    const fast = await dispatched(service);
    const slow = await dispatched(service, { payload: '{"slow":true}' });
    const outcome = process([fast, slow], farDeadline());
    await clock.advance(100);
    expect((await jobOf(service, fast.jobId)).status).toBe('completed');
    expect((await jobOf(service, slow.jobId)).status).toBe('running');
    expect(await clock.until(outcome)).toEqual({ failed: [] });
  });

  it('that the API refuses as malformed fails its job and not its neighbours', async () => {
    const { service, run } = setUp({
      handlers: { noop: ({ job }: JobContext<{ bad?: boolean }>) => (job.payload.bad ? 'bad' : 'good') },
      api: ({ api }) => ({
        complete: async (results) => {
          if (results.some(({ result }) => result === '"bad"')) {
            throw Object.assign(unavailable(), { code: 'invalid_request', retryable: false });
          }
          return api.complete(results);
        },
      }),
    });
    const records = [await dispatched(service), await dispatched(service, { payload: '{"bad":true}' })];
    expect(await run(records)).toEqual({ failed: [] });
    const statuses = await Promise.all(
      records.map(async ({ jobId }) => (await jobOf(service, jobId)).status),
    );
    expect(statuses).toEqual(['completed', 'dead_letter']);
  });
});
