import type { Pool } from 'pg';
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
import { codeOf, translate } from './errors.ts';
import * as outbox from './sql/workflow-outbox.ts';
import * as records from './sql/workflow-records.ts';

const UNIQUE_VIOLATION = '23505';

/** Records in PostgreSQL: each store is one statement, whose predicate carries the version. */
export function createPostgresWorkflowRecords(pool: Pool): WorkflowRecordStore {
  return {
    store: (record) => {
      const statements = {
        write: (given: NewRecord) => write(pool, given),
        versionOf: async (runId: string) => Number((await records.selectRecord(pool, runId))?.version ?? 0),
        openRunBeside: (given: NewRecord) => records.selectOpenRun(pool, given),
      };
      return translated(async () => {
        requireStorable(record);
        return storeOrSayWhy(statements, record);
      });
    },
    lookup: (runId) => translated(async () => toRecord(await records.selectRecord(pool, runId))),
    latest: (workflowName, foreignId) =>
      translated(async () => toRecord(await records.selectLatest(pool, workflowName, foreignId))),
    list: (query) => translated(() => list(pool, query)),
    listOutboxEvents: (query) =>
      translated(async () => (await outbox.selectEvents(pool, query)).map(toEvent)),
    deleteOutboxEvents: (ids) =>
      translated(() =>
        outbox.deleteEvents(
          pool,
          ids.filter((id) => /^\d{1,18}$/.test(id)),
        ),
      ),
  };
}

async function write(pool: Pool, record: NewRecord): Promise<boolean> {
  try {
    return await (record.version === 0 ? records.insertRecord : records.updateRecord)(pool, record);
  } catch (error) {
    if (codeOf(error) === UNIQUE_VIOLATION) return false;
    throw error;
  }
}

async function translated<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw translate(error);
  }
}

async function list(pool: Pool, query: RecordQuery) {
  const place = { query, cursor: readCursor(query.cursor), limit: query.limit + 1 };
  const select = query.order === 'descending' ? records.selectDescending : records.selectAscending;
  return toPage(await select(pool, place), { limit: query.limit, place: ({ id }) => id, item: fromRow });
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
  const recordVersion = Number(row.record_version);
  return { id: row.id, ...namesOf(row), recordVersion, createdAt: row.created_at };
}

function namesOf(row: records.RecordRow | outbox.OutboxRow) {
  return {
    workflowName: row.workflow_name,
    foreignId: row.foreign_id,
    runId: row.run_id,
    status: row.status,
    runState: readRunState(row.run_state),
  };
}
