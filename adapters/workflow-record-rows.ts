import type {
  OutboxEvent,
  RecordPage,
  RecordQuery,
  WorkflowRecord,
} from '../engine/ports/workflow-record-store.ts';
import { readRunState } from '../engine/records/guarded-store.ts';
import { readCursor, toPage } from '../engine/records/record-cursor.ts';

/** Columns that a record and its events share. Names are bytes in MySQL, text in PostgreSQL. */
interface RunRow {
  readonly id: string;
  readonly workflow_name: string | Buffer;
  readonly foreign_id: string | Buffer;
  readonly run_id: string | Buffer;
  readonly status: number;
  readonly run_state: string;
  readonly created_at: Date;
}

/** `id` is the place in the order of creation. */
export interface RecordRow extends RunRow {
  readonly reason: string | null;
  readonly object: Buffer;
  readonly version: string;
  readonly updated_at: Date;
}

export interface OutboxRow extends RunRow {
  readonly record_version: string;
}

/** What a page asks the database for: one row more than it shows tells whether there is another. */
export interface Place {
  readonly query: RecordQuery;
  readonly cursor: string | null;
  readonly limit: number;
}

/** How a page goes on, as SQL. */
export function directionOf({ query }: Place): { readonly after: '<' | '>'; readonly order: 'asc' | 'desc' } {
  return query.order === 'descending' ? { after: '<', order: 'desc' } : { after: '>', order: 'asc' };
}

export async function listRecords(
  query: RecordQuery,
  select: (place: Place) => Promise<readonly RecordRow[]>,
): Promise<RecordPage> {
  const rows = await select({ query, cursor: readCursor(query.cursor), limit: query.limit + 1 });
  return toPage(rows, { limit: query.limit, place: ({ id }) => id, item: fromRow });
}

export function toRecord(row: RecordRow | undefined): WorkflowRecord | undefined {
  return row && fromRow(row);
}

function fromRow(row: RecordRow): WorkflowRecord {
  return {
    ...namesOf(row),
    object: row.object,
    ...(row.reason === null ? {} : { reason: row.reason }),
    version: Number(row.version),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

export function toEvent(row: OutboxRow): OutboxEvent {
  const recordVersion = Number(row.record_version);
  return { id: row.id, ...namesOf(row), recordVersion, createdAt: row.created_at };
}

function namesOf(row: RunRow) {
  return {
    workflowName: row.workflow_name.toString(),
    foreignId: row.foreign_id.toString(),
    runId: row.run_id.toString(),
    status: row.status,
    runState: readRunState(row.run_state),
  };
}
