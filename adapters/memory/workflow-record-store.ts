import {
  type NewRecord,
  type OutboxEvent,
  type OutboxQuery,
  openStates,
  type RecordPage,
  type RecordQuery,
  type StoreOutcome,
  type WorkflowRecord,
  type WorkflowRecordStore,
} from '../../engine/ports/workflow-record-store.ts';
import { readCursor, toPage } from '../../engine/records/record-cursor.ts';
import { requireStorable } from '../../engine/records/record-limits.ts';

/** For tests and development: nothing outlives the process. */
export class MemoryWorkflowRecordStore implements WorkflowRecordStore {
  readonly #now: () => Date;
  /** By run id, in the order of creation. */
  readonly #records = new Map<string, { readonly place: number; readonly record: WorkflowRecord }>();
  readonly #outbox = new Map<string, OutboxEvent>();
  #lastEvent = 0;

  constructor({ now }: { readonly now: () => Date }) {
    this.#now = now;
  }

  async store(given: NewRecord): Promise<StoreOutcome> {
    requireStorable(given);
    const known = this.#records.get(given.runId);
    const version = known?.record.version ?? 0;
    if (version !== given.version) return { kind: 'conflict', version };
    const names = known?.record ?? given;
    const open = this.#openRun({ ...given, workflowName: names.workflowName, foreignId: names.foreignId });
    if (open) return { kind: 'in_progress', runId: open.runId };
    const now = this.#now();
    // Copied, so that the caller's own bytes may change.
    const record: WorkflowRecord = {
      ...names,
      status: given.status,
      runState: given.runState,
      object: Buffer.from(given.object),
      reason: given.reason,
      version: version + 1,
      createdAt: known?.record.createdAt ?? now,
      updatedAt: now,
    };
    this.#records.set(record.runId, { place: known?.place ?? this.#records.size + 1, record });
    this.#addEvent(record);
    return { kind: 'stored', version: record.version };
  }

  async lookup(runId: string): Promise<WorkflowRecord | undefined> {
    const found = this.#records.get(runId);
    return found && copy(found.record);
  }

  async latest(workflowName: string, foreignId: string): Promise<WorkflowRecord | undefined> {
    const { records } = await this.list({ workflowName, foreignId, order: 'descending', limit: 1 });
    return records[0];
  }

  async list(query: RecordQuery): Promise<RecordPage> {
    const cursor = readCursor(query.cursor);
    const ascending = query.order !== 'descending';
    const after = (place: number) =>
      cursor === null || (ascending ? place > Number(cursor) : place < Number(cursor));
    const found = [...this.#records.values()].filter(
      ({ place, record }) => after(place) && describes(query, record),
    );
    found.sort((one, other) => (ascending ? one.place - other.place : other.place - one.place));
    return toPage(found, {
      limit: query.limit,
      place: ({ place }) => String(place),
      item: ({ record }) => copy(record),
    });
  }

  async listOutboxEvents({ workflowName, limit }: OutboxQuery): Promise<readonly OutboxEvent[]> {
    return [...this.#outbox.values()]
      .filter((event) => workflowName === undefined || event.workflowName === workflowName)
      .slice(0, limit);
  }

  async deleteOutboxEvents(ids: readonly string[]): Promise<number> {
    return ids.filter((id) => this.#outbox.delete(id)).length;
  }

  #openRun(given: NewRecord): WorkflowRecord | undefined {
    if (!openStates.includes(given.runState)) return undefined;
    return [...this.#records.values()]
      .map(({ record }) => record)
      .find(
        (record) =>
          record.runId !== given.runId &&
          record.workflowName === given.workflowName &&
          record.foreignId === given.foreignId &&
          openStates.includes(record.runState),
      );
  }

  #addEvent({ workflowName, foreignId, runId, status, runState, version, updatedAt }: WorkflowRecord): void {
    this.#lastEvent += 1;
    const id = String(this.#lastEvent);
    const event = { id, workflowName, foreignId, runId, status, runState, recordVersion: version };
    this.#outbox.set(id, { ...event, createdAt: updatedAt });
  }
}

function describes(query: RecordQuery, record: WorkflowRecord): boolean {
  const { workflowName, foreignId, statuses, runStates, createdFrom, createdUntil } = query;
  return (
    (workflowName === undefined || record.workflowName === workflowName) &&
    (foreignId === undefined || record.foreignId === foreignId) &&
    (statuses === undefined || statuses.includes(record.status)) &&
    (runStates === undefined || runStates.includes(record.runState)) &&
    (createdFrom === undefined || record.createdAt >= createdFrom) &&
    (createdUntil === undefined || record.createdAt < createdUntil)
  );
}

function copy(record: WorkflowRecord): WorkflowRecord {
  return { ...record, object: Buffer.from(record.object) };
}
