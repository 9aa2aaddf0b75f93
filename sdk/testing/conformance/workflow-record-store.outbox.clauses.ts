import { deepEqual, equal } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { OutboxEvent, WorkflowRecordStore } from '../../../engine/ports/workflow-record-store.ts';
import { patienceOf } from './suite.ts';
import { waitFor } from './wait-for.ts';
import { isRecord, newRecord, outboxOf, stored, storedAll } from './workflow-record-store.fixtures.ts';
import type { RecordStoreClause, RecordStoreUnderTest } from './workflow-record-store.suite.ts';

const events: RecordStoreClause = {
  number: 7,
  title: 'what is stored has its event, and what is not has none',
  checks: {
    'which says what became of the run': async ({ stores: [store, other] }) => {
      const first = await stored(store, newRecord({ status: -2 }));
      await stored(other, { ...first, status: 8, runState: 'completed' });
      const record = await store.lookup(first.runId);
      const [begun, ended, ...more] = await outboxOf(other, first);
      const { workflowName, foreignId, runId } = first;
      const same = { workflowName, foreignId, runId };
      deepEqual(withoutId(begun), {
        ...same,
        ...{ status: -2, runState: 'initiated', recordVersion: 1, createdAt: record?.createdAt },
      });
      deepEqual(withoutId(ended), {
        ...same,
        ...{ status: 8, runState: 'completed', recordVersion: 2, createdAt: record?.updatedAt },
      });
      deepEqual(more, []);
    },
    'and a conflict leaves none': async ({ stores: [store] }) => {
      const record = await stored(store, newRecord());
      await store.store({ ...record, version: 0 });
      await store.store({ ...record, version: 5 });
      await store.store({ ...record, runId: randomUUID(), version: 0 });
      equal((await outboxOf(store, record)).length, 1);
    },
    'nor do those that lost against another': async ({ stores }) => {
      const record = await stored(stores[0], newRecord());
      const outcomes = await Promise.all([0, 1, 0, 1, 0, 1].map((which) => storeAt(stores, which)(record)));
      const applied = outcomes.filter(({ kind }) => kind === 'stored').length;
      deepEqual(versionsOf(await outboxOf(stores[0], record)), [1, 2]);
      equal(applied, 1);
    },
    'in the order of its versions, the oldest first': async ({ stores }) => {
      let record = newRecord();
      for (let index = 0; index < 12; index += 1) {
        record = await stored(index % 2 === 0 ? stores[0] : stores[1], record);
      }
      deepEqual(
        versionsOf(await outboxOf(stores[1], record)),
        Array.from({ length: 12 }, (_, index) => index + 1),
      );
    },
    'of its workflow, or of all': async ({ stores: [store] }) => {
      const [one, other] = [await stored(store, newRecord()), await stored(store, newRecord())];
      deepEqual(runsOf(await outboxOf(store, one)), [one.runId]);
      const all = runsOf(await store.listOutboxEvents({ limit: 100_000 }));
      deepEqual([all.includes(one.runId), all.includes(other.runId)], [true, true]);
    },
  },
};

const keeping: RecordStoreClause = {
  number: 8,
  title: 'an event stays until it is deleted',
  checks: {
    'however often it is listed, and by whomever': async ({ stores: [store, other] }) => {
      const record = await stored(store, newRecord());
      const [listed] = [await outboxOf(store, record), await outboxOf(store, record)];
      deepEqual(await outboxOf(other, record), listed);
      deepEqual(await outboxOf(store, record), listed);
    },
    'also while another lists it at the same moment': async ({ stores }) => {
      const { workflowName } = newRecord();
      await storedAll(stores[0], 5, { workflowName });
      const lists = await Promise.all(
        [0, 1, 0, 1].map((which) =>
          (which === 0 ? stores[0] : stores[1]).listOutboxEvents({ workflowName, limit: 5 }),
        ),
      );
      deepEqual(
        lists.map(({ length }) => length),
        [5, 5, 5, 5],
      );
    },
    'though later ones are gone': async ({ stores: [store, other] }) => {
      const { workflowName } = newRecord();
      await storedAll(store, 5, { workflowName });
      const all = await outboxOf(store, { workflowName });
      const [first, second, ...rest] = all;
      equal(await other.deleteOutboxEvents(idsOf(rest)), 3);
      deepEqual(await store.listOutboxEvents({ workflowName, limit: 1 }), [first]);
      deepEqual(await outboxOf(store, { workflowName }), [first, second]);
    },
    'and not any longer': async ({ stores: [store, other] }) => {
      const { workflowName } = newRecord();
      await storedAll(store, 3, { workflowName });
      const ids = idsOf(await outboxOf(store, { workflowName }));
      equal(await store.deleteOutboxEvents([]), 0);
      equal(await store.deleteOutboxEvents(ids), 3);
      equal(await other.deleteOutboxEvents(ids), 0);
      deepEqual(await outboxOf(other, { workflowName }), []);
    },
    'and those of others with it': async ({ stores: [store] }) => {
      const [one, other] = [await stored(store, newRecord()), await stored(store, newRecord())];
      await store.deleteOutboxEvents(idsOf(await outboxOf(store, one)));
      equal((await outboxOf(store, other)).length, 1);
    },
    'and its record stays when it goes': async ({ stores: [store] }) => {
      const record = await stored(store, newRecord());
      await store.deleteOutboxEvents(idsOf(await outboxOf(store, record)));
      equal((await store.lookup(record.runId))?.version, 1);
      await stored(store, { ...record, status: 2 });
      deepEqual(versionsOf(await outboxOf(store, record)), [2]);
    },
  },
};

const WRITERS = 8;
const VERSIONS = 12;

const draining: RecordStoreClause = {
  number: 9,
  title: 'no event is passed over',
  checks: {
    'while many store and one drains': async ({ stores }) => {
      const { workflowName } = newRecord();
      const writing = { isOver: false };
      const writers = Array.from({ length: WRITERS }, (_, index) =>
        writeVersions(index % 2 === 0 ? stores[0] : stores[1], workflowName),
      );
      const written = Promise.all(writers).finally(() => Object.assign(writing, { isOver: true }));
      const [runs, drained] = await Promise.all([written, drain(stores[1], workflowName, writing)]);
      const versions = Array.from({ length: VERSIONS }, (_, index) => index + 1);
      for (const run of runs) {
        const own = drained.filter(({ runId }) => runId === run);
        deepEqual(versionsOf(own), versions);
      }
    },
  },
};

async function writeVersions(store: WorkflowRecordStore, workflowName: string): Promise<string> {
  let record = newRecord({ workflowName });
  for (let count = 0; count < VERSIONS; count += 1) record = await stored(store, record);
  return record.runId;
}

/** Lists and deletes, a few at a time, until the writers are done and nothing is left. */
async function drain(
  store: WorkflowRecordStore,
  workflowName: string,
  writing: { readonly isOver: boolean },
): Promise<OutboxEvent[]> {
  const drained: OutboxEvent[] = [];
  for (;;) {
    const { isOver } = writing;
    const listed = await store.listOutboxEvents({ workflowName, limit: 7 });
    if (listed.length === 0 && isOver) return drained;
    // A store that answers at once would otherwise leave the writers no turn.
    await setImmediate();
    drained.push(...listed);
    equal(await store.deleteOutboxEvents(idsOf(listed)), listed.length);
  }
}

function storeAt(stores: RecordStoreUnderTest['stores'], which: number): WorkflowRecordStore['store'] {
  return (record) => (which === 0 ? stores[0] : stores[1]).store(record);
}

function withoutId(event: OutboxEvent | undefined): Partial<OutboxEvent> {
  const { id: _id, ...rest } = event ?? {};
  return rest;
}

function idsOf(listed: readonly OutboxEvent[]): string[] {
  return listed.map(({ id }) => id);
}

function runsOf(listed: readonly OutboxEvent[]): string[] {
  return listed.map(({ runId }) => runId);
}

function versionsOf(listed: readonly OutboxEvent[]): number[] {
  return listed.map(({ recordVersion }) => recordVersion);
}

const outliving: RecordStoreClause = {
  number: 10,
  title: 'what was stored outlives a crash',
  checks: {
    'and the stores go on by themselves': async (subject) => {
      if (!subject.restart) return;
      const [store, other] = subject.stores;
      const record = await stored(store, newRecord());
      await subject.restart();
      const within = patienceOf(subject);
      isRecord(await waitFor(() => other.lookup(record.runId), { within }), record);
      await waitFor(() => stored(store, record), { within });
      deepEqual(versionsOf(await waitFor(() => outboxOf(other, record), { within })), [1, 2]);
    },
  },
};

export const outboxClauses: readonly RecordStoreClause[] = [events, keeping, draining, outliving];
