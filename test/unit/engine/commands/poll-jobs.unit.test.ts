import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { enqueueJob } from '../../../../engine/commands/enqueue-jobs.ts';
import { pollJobs } from '../../../../engine/commands/poll-jobs.ts';
import type { PollRequest } from '../../../../engine/ports/record-store.ts';
import type { StepId } from '../../../../events/ids.ts';
import { createEngine, jobOf } from '../fixtures.ts';

const TYPE = 'noop' as StepId;

function aPoll(): PollRequest {
  return {
    types: [TYPE],
    limit: 10,
    payloadBytes: 1_000,
    workerId: 'w',
    leaseMs: 60_000,
    claimId: randomUUID(),
  };
}

/** An engine with one job, and a caller who goes while the claim is under way. */
async function leaving() {
  const engine = createEngine('polling');
  const { job } = await enqueueJob(engine.deps, { type: TYPE, payload: '{}', maxRetries: 1 });
  const caller = new AbortController();
  const take = engine.store.poll.bind(engine.store);
  engine.store.poll = async (request) => {
    const jobs = await take(request);
    caller.abort();
    return jobs;
  };
  return { engine, id: job.id, gone: caller.signal };
}

describe('a poll whose caller goes', () => {
  it('takes nothing when it is known before', async () => {
    const { deps, store } = createEngine('polling');
    await enqueueJob(deps, { type: TYPE, payload: '{}', maxRetries: 1 });
    expect((await pollJobs(deps, aPoll(), { gone: AbortSignal.abort() })).jobs).toEqual([]);
    expect(await store.counts()).toMatchObject({ queueDepth: 1, running: 0 });
  });

  it('gives back what it took when the claim was under way, with the attempt unspent', async () => {
    const { engine, id, gone } = await leaving();
    expect((await pollJobs(engine.deps, aPoll(), { gone })).jobs).toEqual([]);
    expect(await jobOf(engine, id)).toMatchObject({ status: 'queued', attempt: 0, token: null });
  });

  it('keeps what it gives again: whoever asked so may have had it', async () => {
    const { engine, id, gone } = await leaving();
    const poll = aPoll();
    await engine.deps.store.poll(poll);
    await pollJobs(engine.deps, { ...poll, again: true }, { gone });
    expect((await jobOf(engine, id)).status).toBe('running');
  });
});
