import type {
  NewRecord,
  OutboxEvent,
  RecordQuery,
  WorkflowRecord,
  WorkflowRecordStore,
} from '../../engine/ports/workflow-record-store.ts';
import { readRunState, storeOrSayWhy } from '../../engine/records/guarded-store.ts';
import { readCursor, toPage } from '../../engine/records/record-cursor.ts';
import { requireStorable } from '../../engine/records/record-limits.ts';
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
    list: (query) => list(pool, query),
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
async function untilApart<T>(run: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await run();
    } catch (error) {
      const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
      if (!isCollision(cause) || tries >= TRIES) throw error;
    }
  }
}

async function list(pool: MysqlPool, query: RecordQuery) {
  const place = { query, cursor: readCursor(query.cursor), limit: query.limit + 1 };
  const select = query.order === 'descending' ? records.selectDescending : records.selectAscending;
  return toPage(await select(pool, place), {
    limit: query.limit,
    place: ({ id }) => id,
    item: fromRow,
  });
}

function toRecord(row: records.RecordRow | undefined): WorkflowRecord | undefined {
  return row && fromRow(row);
}

function fromRow(row: records.RecordRow): WorkflowRecord {
  return {
    ...namesOf(row),
    object: row.object,
    ...(row.reason === null ? {} : { reason: row.reason }),
    version: Number(row.version),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

function toEvent(row: outbox.OutboxRow): OutboxEvent {
  return {
    id: row.id,
    ...namesOf(row),
    recordVersion: Number(row.record_version),
    createdAt: row.created_at,
  };
}

function namesOf(row: records.RecordRow | outbox.OutboxRow) {
  return {
    workflowName: row.workflow_name.toString(),
    foreignId: row.foreign_id.toString(),
    runId: row.run_id.toString(),
    status: row.status,
    runState: readRunState(row.run_state),
  };
}
