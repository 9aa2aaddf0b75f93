import { deepEqual, equal } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type {
  NewRecord,
  OutboxEvent,
  RecordQuery,
  WorkflowRecord,
  WorkflowRecordStore,
} from '../../../engine/ports/workflow-record-store.ts';

/** A new run, of a workflow and a foreign id that nobody else has unless given. */
export function newRecord(given: Partial<NewRecord> = {}): NewRecord {
  return {
    workflowName: `workflow ${randomUUID()}`,
    foreignId: randomUUID(),
    runId: randomUUID(),
    status: 1,
    runState: 'initiated',
    object: Buffer.from('{"amount":12}'),
    version: 0,
    ...given,
  };
}

/** Stores it, and gives it as it is to be stored next. */
export async function stored(store: WorkflowRecordStore, record: NewRecord): Promise<NewRecord> {
  deepEqual(await store.store(record), { kind: 'stored', version: record.version + 1 });
  return { ...record, version: record.version + 1 };
}

/** As many finished runs, so that they may have one foreign id. */
export async function storedAll(
  store: WorkflowRecordStore,
  count: number,
  given: Partial<NewRecord>,
): Promise<NewRecord[]> {
  const records: NewRecord[] = [];
  for (let index = 0; index < count; index += 1)
    records.push(await stored(store, newRecord({ runState: 'completed', ...given })));
  return records;
}

/** What must be found where this was stored. */
export function isRecord(found: WorkflowRecord | undefined, record: NewRecord): void {
  const { createdAt: _created, updatedAt: _updated, ...rest } = found ?? {};
  deepEqual({ reason: undefined, ...rest }, { reason: undefined, ...record });
}

/** All pages, one after the other, from the cursor on if one is given. */
export async function readPages(store: WorkflowRecordStore, query: RecordQuery): Promise<WorkflowRecord[]> {
  const all: WorkflowRecord[] = [];
  let { cursor } = query;
  do {
    const page = await store.list({ ...query, cursor });
    equal(page.records.length <= query.limit, true, 'a page is no longer than was asked for');
    all.push(...page.records);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return all;
}

export function runIds(records: readonly { readonly runId: string }[]): string[] {
  return records.map(({ runId }) => runId);
}

export function outboxOf(
  store: WorkflowRecordStore,
  { workflowName }: Pick<NewRecord, 'workflowName'>,
): Promise<readonly OutboxEvent[]> {
  return store.listOutboxEvents({ workflowName, limit: 1_000 });
}
