import type { Pool } from 'pg';
import type { NewRecord, WorkflowRecordStore } from '../../engine/ports/workflow-record-store.ts';
import { storeOrSayWhy } from '../../engine/records/guarded-store.ts';
import { requireStorable } from '../../engine/records/record-limits.ts';
import { listRecords, toEvent, toRecord } from '../workflow-record-rows.ts';
import { codeOf } from './errors.ts';
import type { Database } from './sql/database.ts';
import * as outbox from './sql/workflow-outbox.ts';
import * as records from './sql/workflow-records.ts';
import { translating } from './translating.ts';

const UNIQUE_VIOLATION = '23505';

/** Records in PostgreSQL: each store is one statement, whose predicate carries the version. */
export function createPostgresWorkflowRecords(pool: Pool): WorkflowRecordStore {
  const db = translating(pool);
  const statements = {
    write: (record: NewRecord) => write(db, record),
    versionOf: async (runId: string) => Number((await records.selectRecord(db, runId))?.version ?? 0),
    openRunBeside: (record: NewRecord) => records.selectOpenRun(db, record),
  };
  return {
    store: async (record) => {
      requireStorable(record);
      return storeOrSayWhy(statements, record);
    },
    lookup: async (runId) => toRecord(await records.selectRecord(db, runId)),
    latest: async (workflowName, foreignId) =>
      toRecord(await records.selectLatest(db, workflowName, foreignId)),
    list: (query) => listRecords(query, (place) => records.selectPage(db, place)),
    listOutboxEvents: async (query) => (await outbox.selectEvents(db, query)).map(toEvent),
    deleteOutboxEvents: (ids) =>
      outbox.deleteEvents(
        db,
        ids.filter((id) => /^\d{1,18}$/.test(id)),
      ),
  };
}

async function write(db: Database, record: NewRecord): Promise<boolean> {
  try {
    return await (record.version === 0 ? records.insertRecord : records.updateRecord)(db, record);
  } catch (error) {
    if (codeOf(error) === UNIQUE_VIOLATION) return false;
    throw error;
  }
}
