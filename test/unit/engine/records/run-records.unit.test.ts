import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { MemoryEventBus } from '../../../../adapters/memory/event-bus.ts';
import { MemoryRoleScheduler } from '../../../../adapters/memory/role-scheduler.ts';
import { MemoryTimeoutStore } from '../../../../adapters/memory/timeout-store.ts';
import { MemoryWorkflowRecordStore } from '../../../../adapters/memory/workflow-record-store.ts';
import { systemClock as clock } from '../../../../adapters/system/clock.ts';
import { MillraceError } from '../../../../engine/errors.ts';
import { silentLogger as logger } from '../../../../engine/ports/logger.ts';
import type { RunState } from '../../../../engine/ports/workflow-record-store.ts';
import { changeRun, moveRun } from '../../../../engine/records/change-run.ts';
import type { RecordParts } from '../../../../engine/records/record-parts.ts';
import type { RecordWorkflow } from '../../../../engine/records/record-workflow.ts';
import { runRecords } from '../../../../engine/records/run-records.ts';
import { defineRecordWorkflow } from '../../../../sdk/define-record-workflow.ts';
import { waitFor } from '../../../helpers/wait-for.ts';

const within = 20_000;
const HOUR = 3_600_000;
const options = { pollingFrequency: 5, errBackOff: 5 };

interface Order {
  readonly steps: readonly string[];
}

const releasers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const release of releasers.splice(0).reverse()) await release();
});

function memory() {
  const bus = new MemoryEventBus({ clock });
  releasers.push(() => bus.close());
  const records = new MemoryWorkflowRecordStore(clock);
  const timeouts = new MemoryTimeoutStore(clock);
  return { bus, records, timeouts, roles: new MemoryRoleScheduler(), clock, logger } satisfies RecordParts;
}

function run(parts: RecordParts, ...workflows: RecordWorkflow[]) {
  const stop = new AbortController();
  const running = runRecords(workflows, parts, { signal: stop.signal });
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  releasers.push(end);
  return { end, running, stop };
}

async function begin(parts: RecordParts, { name }: RecordWorkflow, foreignId: string): Promise<string> {
  const runId = randomUUID();
  const object = Buffer.from(JSON.stringify({ steps: [] }));
  const given = { workflowName: name, foreignId, runId, status: 1, runState: 'running', object } as const;
  await parts.records.store({ ...given, version: 0 });
  return runId;
}

async function reaches({ records }: RecordParts, runId: string, runState: RunState) {
  await waitFor(async () => (await records.lookup(runId))?.runState === runState, {
    within,
    what: `run ${runId} to be ${runState}`,
  });
  const record = await records.lookup(runId);
  return { ...record, data: JSON.parse(String(record?.object)) as Order };
}

function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { open: resolve, passed: promise };
}

describe('the runner of record workflows', () => {
  it('does each step with what the one before left, and completes a run at a status without a step', async () => {
    const parts = memory();
    const workflow = defineRecordWorkflow<Order>({
      name: 'orders',
      options,
      steps: {
        1: { to: [2], run: ({ data }) => ({ to: 2, data: { steps: [...data.steps, 'paid'] } }) },
        2: { to: [3], run: async ({ data }) => ({ to: 3, data: { steps: [...data.steps, 'shipped'] } }) },
      },
    });
    const runId = await begin(parts, workflow, 'a');
    run(parts, workflow);
    expect(await reaches(parts, runId, 'completed')).toMatchObject({
      status: 3,
      data: { steps: ['paid', 'shipped'] },
    });
  });

  it('pauses a run whose step fails too often, holds up no other, and goes on with it once it is resumed', async () => {
    const parts = memory();
    let isMended = false;
    const tried: string[] = [];
    const workflow = defineRecordWorkflow<Order>({
      name: 'orders',
      options: { ...options, pauseAfterErrCount: 3 },
      steps: {
        1: {
          to: [2],
          run: ({ foreignId }) => {
            tried.push(foreignId);
            if (foreignId === 'stuck' && !isMended) throw new Error('the carrier does not answer');
            return { to: 2 };
          },
        },
      },
    });
    const stuck = await begin(parts, workflow, 'stuck');
    const other = await begin(parts, workflow, 'other');
    run(parts, workflow);
    await reaches(parts, other, 'completed');
    expect((await reaches(parts, stuck, 'paused')).reason).toBe('the carrier does not answer');
    expect(tried.filter((foreignId) => foreignId === 'stuck')).toHaveLength(3);
    isMended = true;
    await changeRun(parts.records, stuck, { change: 'resume' });
    expect((await reaches(parts, stuck, 'completed')).reason).toBeUndefined();
  });

  it('refuses a status that a step may not go to', async () => {
    const parts = memory();
    const steps = { 1: { to: [2], run: () => ({ to: 7 }) } };
    const workflow = { name: 'orders', options: { ...options, pauseAfterErrCount: 1 }, steps };
    const runId = await begin(parts, workflow, 'a');
    run(parts, workflow);
    expect((await reaches(parts, runId, 'paused')).reason).toContain(
      'went to 7, which is none of its `to` (2)',
    );
  });

  it('does not take a status of a later version of the workflow for an end', async () => {
    const parts = memory();
    const steps = { 1: { to: [2], run: () => ({ to: 2 }) } };
    const workflow = { name: 'orders', options: { ...options, pauseAfterErrCount: 2 }, steps };
    const runId = await begin(parts, workflow, 'a');
    await moveRun(parts.records, runId, { status: 9 });
    run(parts, workflow);
    expect((await reaches(parts, runId, 'paused')).reason).toContain('has no status 9');
  });

  it('takes a run that nobody moves to where its timeout goes, and leaves one that was moved', async () => {
    const parts = memory();
    const steps: RecordWorkflow<Order>['steps'] = {
      1: { to: [2], timeout: { afterMs: 50, to: 3 } },
      3: { to: [], timeout: { at: ({ createdAt }) => new Date(createdAt.getTime() + HOUR), to: 2 } },
    };
    const workflow = defineRecordWorkflow<Order>({ name: 'orders', options, steps });
    const late = await begin(parts, workflow, 'late');
    const moved = await begin(parts, workflow, 'moved');
    await moveRun(parts.records, moved, { status: 2 });
    run(parts, workflow);
    await waitFor(async () => (await parts.records.lookup(late))?.status === 3, { within });
    expect(await reaches(parts, moved, 'completed')).toMatchObject({ status: 2 });
    await waitFor(async () => (await parts.timeouts.list('orders', { limit: 9 })).length === 2, { within });
    const [first, second] = await parts.timeouts.list('orders', { limit: 9 });
    expect([first?.state, second?.state]).toEqual(['completed', 'pending']);
  });

  it('fires no timeout of a run that was paused meanwhile, and sets it anew when that is resumed', async () => {
    const parts = memory();
    const workflow = defineRecordWorkflow({
      name: 'orders',
      options,
      steps: { 1: { to: [], timeout: { afterMs: HOUR, to: 2 } } },
    });
    const runId = await begin(parts, workflow, 'a');
    run(parts, workflow);
    const listed = () => parts.timeouts.list('orders', { limit: 9 });
    await waitFor(async () => (await listed()).length === 1, { within });
    await changeRun(parts.records, runId, { change: 'pause' });
    for (const timeout of await listed()) await parts.timeouts.postpone(timeout, 0);
    await waitFor(async () => (await listed())[0]?.state === 'cancelled', { within });
    expect(await reaches(parts, runId, 'paused')).toMatchObject({ status: 1 });
    await changeRun(parts.records, runId, { change: 'resume' });
    await waitFor(async () => (await listed()).some(({ state }) => state === 'pending'), { within });
  });

  it('does no more steps at once than it may', async () => {
    const parts = memory();
    const may = gate();
    let [now, most] = [0, 0];
    const step = async () => {
      now += 1;
      most = Math.max(most, now);
      if (now === 2) may.open();
      await may.passed;
      now -= 1;
      return { to: 2 };
    };
    const steps = { 1: { to: [2], run: step } };
    const workflow = { name: 'orders', options: { ...options, parallelCount: 2 }, steps };
    const runs = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((id) => begin(parts, workflow, id)));
    run(parts, workflow);
    for (const runId of runs) await reaches(parts, runId, 'completed');
    expect(most).toBe(2);
  });

  it('drops what came of a step whose run was stored by others meanwhile', async () => {
    const parts = memory();
    const [entered, may] = [gate(), gate()];
    const results: string[] = [];
    const step = async () => {
      entered.open();
      await may.passed;
      return { to: 2 };
    };
    const workflow = { name: 'orders', options, steps: { 1: { to: [2], run: step } } };
    const runId = await begin(parts, workflow, 'a');
    const watch = { step: (_: string, result: string) => results.push(result), timeout: () => undefined };
    run({ ...parts, watch }, workflow);
    await entered.passed;
    await changeRun(parts.records, runId, { change: 'cancel', reason: 'the customer left' });
    may.open();
    await waitFor(() => results.includes('overtaken'), { within });
    expect(await reaches(parts, runId, 'cancelled')).toMatchObject({
      status: 1,
      reason: 'the customer left',
    });
  });

  it('counts no try of a run while the store does not answer', async () => {
    const parts = memory();
    let away = 20;
    const lookup = async (runId: string) => {
      away -= 1;
      if (away >= 0) throw new MillraceError('unavailable', 'the database is away', { retryable: true });
      return parts.records.lookup(runId);
    };
    const tries: number[] = [];
    const run1 = (run: { readonly tries: number }) => {
      tries.push(run.tries);
      return { to: 2 };
    };
    const workflow: RecordWorkflow = {
      name: 'orders',
      options: { ...options, errBackOff: 0 },
      steps: { 1: { to: [2], run: run1 } },
    };
    const runId = await begin(parts, workflow, 'a');
    const { records: store } = parts;
    const records: RecordParts['records'] = {
      store: (record) => store.store(record),
      lookup,
      latest: (name, foreignId) => store.latest(name, foreignId),
      list: (query) => store.list(query),
      listOutboxEvents: (query) => store.listOutboxEvents(query),
      deleteOutboxEvents: (ids) => store.deleteOutboxEvents(ids),
    };
    run({ ...parts, records }, workflow);
    await reaches(parts, runId, 'completed');
    expect(tries).toEqual([1]);
  });

  it('lets a step under way end before it ends itself, and begins none any more', async () => {
    const parts = memory();
    const [entered, may] = [gate(), gate()];
    const step = async () => {
      entered.open();
      await may.passed;
      return { to: 2 };
    };
    const never = { to: [3], run: () => ({ to: 3 }) };
    const workflow = { name: 'orders', options, steps: { 1: { to: [2], run: step }, 2: never } };
    const runId = await begin(parts, workflow, 'a');
    const { stop, running } = run(parts, workflow);
    await entered.passed;
    stop.abort();
    may.open();
    await running;
    expect(await parts.records.lookup(runId)).toMatchObject({ status: 2, runState: 'running' });
  });

  it('refuses timeouts without a store for them, and two workflows of one name', async () => {
    const { timeouts: _, ...parts } = memory();
    const { signal } = new AbortController();
    const timed = { name: 'timed', steps: { 1: { to: [], timeout: { afterMs: 1, to: 2 } } } };
    await expect(runRecords([timed], parts, { signal })).rejects.toThrow('no store for them');
    const plain = { name: 'plain', steps: { 1: { to: [2] } } };
    await expect(runRecords([plain, plain], parts, { signal })).rejects.toThrow('Two record workflows');
  });
});

describe('a record workflow', () => {
  it.each([
    [{ name: 'my orders', steps: { 1: { to: [2] } } }, 'cannot be the name'],
    [{ name: 'orders', steps: {} }, 'has no steps'],
    [{ name: 'orders', steps: { 0: { to: [1] } } }, 'at no status'],
    [{ name: 'orders', steps: { 1: { to: [2.5] } } }, 'no list `to`'],
    [{ name: 'orders', steps: { 1: { to: [], run: () => undefined } } }, 'goes nowhere'],
    [{ name: 'orders', steps: { 1: { to: [], timeout: { to: 2 } } } }, 'one of `afterMs` and `at`'],
    [{ name: 'orders', steps: { 1: { to: [], timeout: { to: 2, afterMs: -1 } } } }, 'Give 0 or more'],
    [{ name: 'orders', steps: { 1: { to: [2] } }, options: { parallelCount: 0 } }, 'from 1 on'],
  ])('that cannot be run is refused, and says why: %o', (workflow, words) => {
    expect(() => defineRecordWorkflow(workflow)).toThrow(words);
  });
});
