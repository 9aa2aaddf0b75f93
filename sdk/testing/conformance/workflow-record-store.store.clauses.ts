import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { isMillraceError } from '../../../engine/errors.ts';
import { openStates, runStates } from '../../../engine/ports/workflow-record-store.ts';
import { isRecord, newRecord, stored } from './workflow-record-store.fixtures.ts';
import type { RecordStoreClause } from './workflow-record-store.suite.ts';

const COMPETITORS = 12;

const newRuns: RecordStoreClause = {
  number: 1,
  title: 'a new run is read back as it was given',
  checks: {
    'with bytes that are no text, and none at all': async ({ stores: [store, other] }) => {
      for (const object of [Buffer.from([0, 255, 128, 10, 0]), Buffer.alloc(0)]) {
        const record = await stored(store, newRecord({ object }));
        isRecord(await other.lookup(record.runId), record);
      }
    },
    'with text of all kinds': async ({ stores: [store, other] }) => {
      const text = `O'Brien "\\" % 名前 🎉 ${randomUUID()}`;
      const given = newRecord({ workflowName: text, foreignId: `${text}\n`, reason: text, status: -2 });
      const record = await stored(store, given);
      isRecord(await other.latest(text, `${text}\n`), record);
    },
    'in every state': async ({ stores: [store] }) => {
      for (const runState of runStates) {
        const record = await stored(store, newRecord({ runState }));
        equal((await store.lookup(record.runId))?.runState, runState);
      }
    },
    'with times of the store': async ({ stores: [store] }) => {
      const record = await stored(store, newRecord());
      const found = await store.lookup(record.runId);
      // A clock that runs in another time zone is hours off; one of another machine is not.
      const off = Math.abs((found?.createdAt.getTime() ?? 0) - Date.now());
      ok(off < 15 * 60_000, `its clock is ${off} ms off`);
      deepEqual(found?.updatedAt, found?.createdAt);
    },
    'unless it could not be found again': async ({ stores: [store] }) => {
      const long = newRecord({ foreignId: 'ä'.repeat(257) });
      await rejects(store.store(long), (error) => isMillraceError(error) && error.code === 'invalid_request');
      equal(await store.lookup(long.runId), undefined);
    },
  },
};

const versions: RecordStoreClause = {
  number: 2,
  title: 'a record is replaced at the version that was read',
  checks: {
    'and its version rises by one': async ({ stores: [store, other] }) => {
      const first = await stored(store, newRecord());
      const change = { status: 2, runState: 'running', object: Buffer.from('{}'), reason: 'paid' } as const;
      const second = await stored(other, { ...first, ...change });
      isRecord(await store.lookup(first.runId), second);
      isRecord(await other.lookup(first.runId), second);
    },
    'and not at any other': async ({ stores: [store, other] }) => {
      const first = await stored(store, newRecord());
      const second = await stored(store, { ...first, status: 2 });
      for (const version of [0, 1, 3])
        deepEqual(await other.store({ ...first, status: 9, version }), { kind: 'conflict', version: 2 });
      isRecord(await store.lookup(first.runId), second);
    },
    'and not where there is none': async ({ stores: [store] }) => {
      const record = newRecord({ version: 1 });
      deepEqual(await store.store(record), { kind: 'conflict', version: 0 });
      equal(await store.lookup(record.runId), undefined);
    },
    'by one of those who store at the same time': async ({ stores }) => {
      const first = await stored(stores[0], newRecord());
      const outcomes = await Promise.all(
        Array.from({ length: COMPETITORS }, (_, index) =>
          stores[index % 2 === 0 ? 0 : 1].store({ ...first, status: index + 10 }),
        ),
      );
      equal(outcomes.filter(({ kind }) => kind === 'stored').length, 1);
      const winner = outcomes.findIndex(({ kind }) => kind === 'stored');
      isRecord(await stores[0].lookup(first.runId), { ...first, status: winner + 10, version: 2 });
    },
    'and keeps its names and the time it was made': async ({ stores: [store] }) => {
      const first = await stored(store, newRecord());
      const made = await store.lookup(first.runId);
      await stored(store, { ...first, workflowName: 'another', foreignId: 'another' });
      const found = await store.lookup(first.runId);
      deepEqual(
        [found?.workflowName, found?.foreignId, found?.createdAt],
        [first.workflowName, first.foreignId, made?.createdAt],
      );
    },
  },
};

const oneOpenRun: RecordStoreClause = {
  number: 3,
  title: 'a workflow has one open run for a foreign id',
  checks: {
    'whatever its open state': async ({ stores: [store, other] }) => {
      for (const runState of openStates) {
        const open = await stored(store, newRecord({ runState }));
        const second = newRecord({ workflowName: open.workflowName, foreignId: open.foreignId });
        deepEqual(await other.store(second), { kind: 'in_progress', runId: open.runId });
        equal(await store.lookup(second.runId), undefined);
      }
    },
    'also when a finished one would be opened again': async ({ stores: [store] }) => {
      const finished = await stored(store, newRecord({ runState: 'completed' }));
      const open = await stored(
        store,
        newRecord({ ...finished, runId: randomUUID(), runState: 'running', version: 0 }),
      );
      deepEqual(await store.store({ ...finished, runState: 'running' }), {
        kind: 'in_progress',
        runId: open.runId,
      });
      isRecord(await store.lookup(finished.runId), finished);
    },
    'and finished ones are in nobody’s way': async ({ stores: [store, other] }) => {
      const first = await stored(store, newRecord());
      await stored(store, { ...first, runState: 'completed' });
      await stored(other, newRecord({ ...first, runId: randomUUID(), version: 0 }));
    },
    'nor those of other foreign ids and workflows': async ({ stores: [store] }) => {
      const first = await stored(store, newRecord());
      await stored(store, newRecord({ workflowName: first.workflowName }));
      await stored(store, newRecord({ foreignId: first.foreignId }));
    },
    'of those that are begun at the same time': async ({ stores }) => {
      const { workflowName, foreignId } = newRecord();
      const runs = Array.from({ length: COMPETITORS }, () => newRecord({ workflowName, foreignId }));
      const outcomes = await Promise.all(
        runs.map((run, index) => stores[index % 2 === 0 ? 0 : 1].store(run)),
      );
      const winner = runs[outcomes.findIndex(({ kind }) => kind === 'stored')];
      equal(outcomes.filter(({ kind }) => kind === 'stored').length, 1);
      for (const outcome of outcomes)
        if (outcome.kind !== 'stored') deepEqual(outcome, { kind: 'in_progress', runId: winner?.runId });
    },
  },
};

const finding: RecordStoreClause = {
  number: 4,
  title: 'a run is found by its id, and the youngest by its foreign id',
  checks: {
    'and none where there is none': async ({ stores: [store] }) => {
      const { runId, workflowName, foreignId } = newRecord();
      equal(await store.lookup(runId), undefined);
      equal(await store.latest(workflowName, foreignId), undefined);
    },
    'as it was stored last': async ({ stores: [store, other] }) => {
      const first = await stored(store, newRecord());
      const second = await stored(other, { ...first, status: 3, runState: 'completed' });
      isRecord(await store.latest(first.workflowName, first.foreignId), second);
    },
    'though an older one was stored later': async ({ stores: [store] }) => {
      const old = await stored(store, newRecord({ runState: 'completed' }));
      const young = await stored(
        store,
        newRecord({ ...old, runId: randomUUID(), runState: 'running', version: 0 }),
      );
      await stored(store, { ...old, runState: 'requested_data_deleted' });
      isRecord(await store.latest(old.workflowName, old.foreignId), young);
    },
    'to the letter': async ({ stores: [store] }) => {
      const { workflowName, foreignId } = await stored(
        store,
        newRecord({ foreignId: `order-é-${randomUUID()}` }),
      );
      const others = [foreignId.toUpperCase(), `${foreignId} `, foreignId.replace('é', 'e')];
      for (const other of others) equal(await store.latest(workflowName, other), undefined);
      for (const other of others) await stored(store, newRecord({ workflowName, foreignId: other }));
    },
  },
};

export const storeClauses: readonly RecordStoreClause[] = [newRuns, versions, oneOpenRun, finding];
