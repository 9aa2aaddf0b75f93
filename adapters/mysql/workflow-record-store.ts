import type { NewRecord, WorkflowRecordStore } from '../../engine/ports/workflow-record-store.ts';
import { storeOrSayWhy } from '../../engine/records/guarded-store.ts';
import { requireStorable } from '../../engine/records/record-limits.ts';
import { retried } from '../retried.ts';
import { listRecords, toEvent, toRecord } from '../workflow-record-rows.ts';
import { isCollision, isDuplicate } from './errors.ts';
import type { MysqlPool } from './pool.ts';
import * as outbox from './sql/workflow-outbox.ts';
import * as records from './sql/workflow-records.ts';

/** Of two that collide one goes on, so even many get through. */
const TRIES = 50;

/** Records in MySQL or MariaDB. Its outbox is polled: nothing tells of a commit there. */
export function createMysqlRecordStore(pool: MysqlPool): WorkflowRecordStore {
  const statements = {
    write: (record: NewRecord) => untilApart(() => write(pool, record)),
    versionOf: async (runId: string) => Number((await records.selectRecord(pool, runId))?.version ?? 0),
    openRunBeside: (record: NewRecord) => records.selectOpenRun(pool, record),
  };
  return {
    store: async (record) => {
      requireStorable(record);
      return storeOrSayWhy(statements, record);
    },
    lookup: async (runId) => toRecord(await records.selectRecord(pool, runId)),
    latest: async (workflowName, foreignId) =>
      toRecord(await records.selectLatest(pool, workflowName, foreignId)),
    list: (query) => listRecords(query, (place) => records.selectPage(pool, place)),
    listOutboxEvents: async (query) => (await outbox.selectEvents(pool, query)).map(toEvent),
    deleteOutboxEvents: async (ids) => {
      const known = ids.filter((id) => /^\d{1,19}$/.test(id)).map(BigInt);
      return known.length === 0 ? 0 : untilApart(() => outbox.deleteEvents(pool, known));
    },
  };
}

/** The record and its event, or neither. */
async function write(pool: MysqlPool, record: NewRecord): Promise<boolean> {
  try {
    return await pool.inTransaction(async (db) => {
      const put = record.version === 0 ? records.insertRecord : records.updateRecord;
      const isStored = await put(db, record);
      if (isStored) await outbox.insertEvent(db, record.runId);
      return { commit: isStored, value: isStored };
    });
  } catch (error) {
    if (isDuplicate(error)) return false;
    throw error;
  }
}

/** Repeats what the server rolled back because it met another. */
function untilApart<T>(run: () => Promise<T>): Promise<T> {
  return retried(run, {
    tries: TRIES,
    passes: (error) => isCollision(error instanceof Error && error.cause !== undefined ? error.cause : error),
  });
}
