import { expect, test } from 'vitest';
import { MemoryRecordStore } from '../../../../adapters/memory/record-store.ts';
import { MemoryWakeups } from '../../../../adapters/memory/wakeups.ts';
import { systemClock } from '../../../../adapters/system/clock.ts';
import { createEngineDeps } from '../../../../adapters/system/engine-deps.ts';
import { enqueueJob } from '../../../../engine/commands/enqueue-jobs.ts';
import type { EngineDeps } from '../../../../engine/deps.ts';
import { silentLogger } from '../../../../engine/ports/logger.ts';
import { leaderRoles } from '../../../../engine/roles/leader-roles.ts';
import type { JobId, StepId } from '../../../../events/ids.ts';
import { waitFor } from '../../../helpers/wait-for.ts';

/** Long enough that a test which had to wait for the tick would fail. */
const TICK_MS = 60_000;

async function withTimers(
  wakeups: MemoryWakeups | undefined,
  use: (deps: EngineDeps) => Promise<void>,
): Promise<void> {
  const deps = createEngineDeps(new MemoryRecordStore(systemClock), 'polling');
  const stop = new AbortController();
  const [timers] = leaderRoles(deps, {
    logger: silentLogger,
    tickMs: TICK_MS,
    lostAfterMs: TICK_MS,
    wakeups,
  });
  const running = timers?.run(stop.signal);
  try {
    await use(deps);
  } finally {
    stop.abort();
    await running;
  }
}

async function enqueueIn(deps: EngineDeps, ms: number): Promise<JobId> {
  const runAt = new Date(Date.now() + ms);
  const { job } = await enqueueJob(deps, { type: 'noop' as StepId, payload: '{}', maxRetries: 0, runAt });
  return job.id;
}

function queued(deps: EngineDeps, id: JobId): Promise<unknown> {
  const isQueued = async () => (await deps.store.getJobs([id]))[0]?.status === 'queued';
  return waitFor(isQueued, { within: 5_000, what: 'the job to be queued' });
}

test('a job is queued when its time comes, although the tick is far off', async () => {
  const wakeups = new MemoryWakeups(systemClock);
  await withTimers(wakeups, async (deps) => {
    const id = await enqueueIn(deps, 30);
    wakeups.tell('millrace_due');
    await queued(deps, id);
  });
});

test('a job that is due sooner than the one slept for is told of, and goes first', async () => {
  const wakeups = new MemoryWakeups(systemClock);
  await withTimers(wakeups, async (deps) => {
    const later = await enqueueIn(deps, 3_600_000);
    wakeups.tell('millrace_due');
    const sooner = await enqueueIn(deps, 30);
    wakeups.tell('millrace_due');
    await queued(deps, sooner);
    expect((await deps.store.getJobs([later]))[0]?.status).toBe('pending');
  });
});

test('two jobs in a row need one hint: after the first the next one is known', async () => {
  const wakeups = new MemoryWakeups(systemClock);
  await withTimers(wakeups, async (deps) => {
    const ids = [await enqueueIn(deps, 20), await enqueueIn(deps, 80)];
    wakeups.tell('millrace_due');
    for (const id of ids) await queued(deps, id);
  });
});
