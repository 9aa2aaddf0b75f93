import { deepEqual, equal, rejects } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { isMillraceError } from '../../../engine/errors.ts';
import {
  type NewRecord,
  type RecordQuery,
  runStates,
  type WorkflowRecordStore,
} from '../../../engine/ports/workflow-record-store.ts';
import { waitFor } from './wait-for.ts';
import {
  isRecord,
  newRecord,
  readPages,
  runIds,
  stored,
  storedAll,
} from './workflow-record-store.fixtures.ts';
import type { RecordStoreClause } from './workflow-record-store.suite.ts';

const RECORDS = 23;

const paging: RecordStoreClause = {
  number: 5,
  title: 'a list is in the order of creation',
  checks: {
    'and paging meets every record once, either way': async ({ stores: [store, other] }) => {
      const { workflowName } = newRecord();
      const records = await storedAll(store, RECORDS, { workflowName });
      for (const limit of [1, 5, RECORDS, 100]) {
        const up = await readPages(other, { workflowName, limit });
        deepEqual(runIds(up), runIds(records));
        const down = await readPages(store, { workflowName, limit, order: 'descending' });
        deepEqual(runIds(down), runIds(records).reverse());
      }
    },
    'and a page that holds all is the last': async ({ stores: [store] }) => {
      const { workflowName } = newRecord();
      await storedAll(store, 4, { workflowName });
      equal((await store.list({ workflowName, limit: 4 })).cursor, undefined);
      deepEqual(await store.list({ workflowName: 'none', limit: 4 }), { records: [], cursor: undefined });
    },
    'with whole records': async ({ stores: [store] }) => {
      const record = await stored(store, newRecord({ reason: 'asked for', object: Buffer.from([0, 200]) }));
      const { records } = await store.list({ workflowName: record.workflowName, limit: 1 });
      isRecord(records[0], record);
    },
    'whatever is stored between two pages': async ({ stores: [store, other] }) => {
      const { workflowName } = newRecord();
      const records = await storedAll(store, 10, { workflowName });
      for (const order of ['ascending', 'descending'] as const) {
        const first = await store.list({ workflowName, order, limit: 5 });
        const [one] = first.records;
        await stored(other, { ...newRecord({ ...one }), status: 7 });
        await storedAll(other, 1, { workflowName });
        const rest = await readPages(store, { workflowName, order, limit: 5, cursor: first.cursor });
        const met = runIds([...first.records, ...rest]);
        deepEqual(
          runIds(records).filter((id) => met.filter((other) => other === id).length !== 1),
          [],
        );
      }
    },
    'and a cursor that no list gave is refused': async ({ stores: [store] }) => {
      await rejects(
        store.list({ limit: 1, cursor: 'x' }),
        (error) => isMillraceError(error) && error.code === 'invalid_request',
      );
    },
  },
};

async function found(store: WorkflowRecordStore, query: Partial<RecordQuery>): Promise<string[]> {
  return runIds(await readPages(store, { limit: 100, ...query }));
}

/** One record of each state, all of one workflow, with statuses 1, 2, 3, 1, … */
function oneOfEachState(store: WorkflowRecordStore): Promise<NewRecord[]> {
  const { workflowName } = newRecord();
  return runStates.reduce<Promise<NewRecord[]>>(async (before, runState, index) => {
    const records = await before;
    return [...records, await stored(store, newRecord({ workflowName, runState, status: (index % 3) + 1 }))];
  }, Promise.resolve([]));
}

const filtering: RecordStoreClause = {
  number: 6,
  title: 'a list gives what its filters describe',
  checks: {
    'by foreign id, of one workflow or of all': async ({ stores: [store] }) => {
      const foreignId = randomUUID();
      const [one, other] = [newRecord({ foreignId }), newRecord({ foreignId })];
      const ones = runIds(await storedAll(store, 3, { workflowName: one.workflowName, foreignId }));
      const others = runIds(await storedAll(store, 2, { workflowName: other.workflowName, foreignId }));
      await storedAll(store, 2, { workflowName: one.workflowName });
      deepEqual(await found(store, { foreignId }), [...ones, ...others]);
      deepEqual(await found(store, { foreignId, workflowName: one.workflowName }), ones);
      deepEqual(await found(store, { foreignId: foreignId.toUpperCase() }), []);
    },
    'by one state or several': async ({ stores: [store] }) => {
      const records = await oneOfEachState(store);
      const workflowName = records[0]?.workflowName;
      for (const states of [['paused'], ['running', 'data_deleted'], [...runStates]] as const) {
        const described = records.filter(({ runState }) => states.some((state) => state === runState));
        deepEqual(await found(store, { workflowName, runStates: states }), runIds(described));
      }
      deepEqual(await found(store, { workflowName, runStates: [] }), []);
    },
    'by one status or several': async ({ stores: [store] }) => {
      const records = await oneOfEachState(store);
      const workflowName = records[0]?.workflowName;
      for (const statuses of [[2], [1, 3], [12, 33], []]) {
        const described = records.filter(({ status }) => statuses.includes(status));
        deepEqual(await found(store, { workflowName, statuses }), runIds(described));
      }
    },
    'by all of them together, on every page': async ({ stores: [store] }) => {
      const records = await oneOfEachState(store);
      const workflowName = records[0]?.workflowName;
      const query = {
        workflowName,
        statuses: [1],
        runStates: ['initiated', 'running', 'data_deleted'],
      } as const;
      const described = records.filter(
        ({ status, runState }) => status === 1 && query.runStates.some((state) => state === runState),
      );
      deepEqual(await found(store, { ...query, limit: 1 }), runIds(described));
    },
    'by the time of creation, from the first moment and before the last': async ({ stores: [store] }) => {
      const first = newRecord({ runState: 'completed' });
      const { workflowName } = await stored(store, first);
      const from = (await store.lookup(first.runId))?.createdAt;
      const later = await storedLater(store, { workflowName, after: from });
      const earlier = (await found(store, { workflowName })).filter((id) => id !== later.runId);
      deepEqual(await found(store, { workflowName, createdFrom: later.createdAt }), [later.runId]);
      deepEqual(await found(store, { workflowName, createdUntil: later.createdAt }), earlier);
      deepEqual(await found(store, { workflowName, createdFrom: from }), [...earlier, later.runId]);
      deepEqual(await found(store, { workflowName, createdUntil: from }), []);
      deepEqual(
        await found(store, { workflowName, createdFrom: from, createdUntil: later.createdAt }),
        earlier,
      );
    },
  },
};

/** A record of a later millisecond than that. */
function storedLater(
  store: WorkflowRecordStore,
  { workflowName, after }: { workflowName: string; after: Date | undefined },
) {
  return waitFor(
    async () => {
      const { runId } = await stored(store, newRecord({ workflowName, runState: 'completed' }));
      const record = await store.lookup(runId);
      return record && after && record.createdAt > after ? record : undefined;
    },
    { within: 10_000, what: 'a record of a later millisecond' },
  );
}

export const listClauses: readonly RecordStoreClause[] = [paging, filtering];
