import { describe, expect, it } from 'vitest';
import type { JobContext } from '../../../../sdk/define.ts';
import { createProcessRecords } from '../../../../sdk/worker/process-records.ts';
import { FakeClock } from './fake-clock.ts';
import { createService, dispatched, farDeadline, jobOf, prepared, unavailable } from './fixtures.ts';
import { setUp } from './processing.ts';

describe('when the API cannot be reached', () => {
  it('at the claim, the partition comes again from its first record', async () => {
    const { service, run } = setUp({ api: () => ({ claim: () => Promise.reject(unavailable()) }) });
    const records = [
      await dispatched(service),
      await dispatched(service),
      await dispatched(service, { partition: 1 }),
    ];
    expect(await run(records)).toEqual({
      failed: [
        { partition: 0, offset: records[0]?.offset },
        { partition: 1, offset: records[2]?.offset },
      ],
    });
  });

  it('at the result, that record and those after it come again, and no later job is begun', async () => {
    const started: string[] = [];
    const clock = new FakeClock();
    const service = createService(clock);
    const noop = async ({ job }: JobContext) => {
      started.push(job.id);
      await clock.sleep(100);
    };
    const api = { ...service.api, complete: () => Promise.reject(unavailable()) };
    const process = createProcessRecords({ handlers: { noop }, api, leaseMs: 60_000, clock });
    const records = [
      await dispatched(service),
      await dispatched(service),
      await dispatched(service),
      await dispatched(service),
    ];
    expect(await clock.until(process(records, farDeadline()))).toEqual({
      failed: [{ partition: 0, offset: records[0]?.offset }],
    });
    expect(started.length).toBeLessThan(records.length);
  });
});

describe('a job that is not there at the claim', () => {
  it('is asked for again until its commit is visible', async () => {
    const { service, process, clock } = setUp();
    const { job, incoming } = prepared(service);
    const outcome = process([incoming], farDeadline());
    await clock.advance(1_000);
    expect(service.calls.claim).toBeGreaterThan(1);
    await service.store.enqueue([job]);
    expect(await clock.until(outcome)).toEqual({ failed: [] });
    expect((await jobOf(service, job.id)).status).toBe('completed');
  });

  it('comes again when it does not appear within five seconds', async () => {
    const { service, run, clock } = setUp();
    const { incoming: lost } = prepared(service);
    const began = clock.now().getTime();
    expect(await run([lost])).toEqual({ failed: [{ partition: 0, offset: lost.offset }] });
    expect(clock.now().getTime() - began).toBeGreaterThan(4_000);
    expect(service.store.undecodable).toEqual([]);
  });

  it('is recorded and passed over when its record is old: it was deleted, or lost with a restore', async () => {
    const { service, run, clock } = setUp();
    const { incoming: gone } = prepared(service);
    const timestamp = clock.now().getTime() - 11 * 60_000;
    expect(await run([{ ...gone, timestamp }])).toEqual({ failed: [] });
    expect(service.store.undecodable.map(({ reason }) => reason)).toEqual([
      expect.stringContaining('no job'),
    ]);
  });
});
