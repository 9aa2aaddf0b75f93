import type { NewDefinition, RecordStore } from '../../engine/ports/record-store.ts';
import type { DefinitionRecord } from '../../engine/workflow/definitions.ts';
import type { InstanceId } from '../../events/ids.ts';
import { ofTenant, toHistoryEntry, toInstance, toInstanceSummary } from './instance-rows.ts';
import { toJob } from './rows.ts';
import type { Database } from './sql/database.ts';
import * as definitions from './sql/definitions.ts';
import * as instances from './sql/instances.ts';
import { selectInstancePage } from './sql/list-instances.ts';
import { selectDefinitionsByNumber, selectInstancesByNumber } from './sql/paged.ts';
import { selectJobsOfInstance } from './sql/read.ts';

type WorkflowStore = Pick<
  RecordStore,
  | 'loadInstance'
  | 'getInstance'
  | 'dueInstances'
  | 'nextInstanceDueMs'
  | 'getDefinition'
  | 'putDefinition'
  | 'listDefinitions'
  | 'listUserTasks'
  | 'listInstances'
  | 'pageInstances'
  | 'pageDefinitions'
>;

/** The part of the store that is about definitions and instances. */
export function workflowStore(db: Database): WorkflowStore {
  return {
    loadInstance: async (id) => {
      const row = await instances.selectInstance(db, id);
      return row && toInstance(row);
    },
    getInstance: (id) => getInstance(db, id),
    dueInstances: async (limit) =>
      (await instances.selectDueInstances(db, limit)).map((row) => ({
        instance: toInstance(row),
        message: row.message_id === null ? undefined : { id: row.message_id, text: row.message ?? '' },
      })),
    nextInstanceDueMs: async () => (await instances.selectNextInstanceDue(db)) ?? undefined,
    getDefinition: async (id, version, tenant) => {
      const row = await definitions.selectDefinition(db, { id, version, tenant });
      return row && toDefinition(row);
    },
    putDefinition: (definition) => putDefinition(db, definition),
    listDefinitions: async (filter) => (await definitions.selectDefinitionPage(db, filter)).map(toDefinition),
    listUserTasks: async (filter) => (await instances.selectUserTasks(db, filter)).map(toUserTask),
    listInstances: async (filter) => (await selectInstancePage(db, filter)).map(toInstanceSummary),
    pageInstances: async (filter) => {
      const rows = await selectInstancesByNumber(db, filter);
      const items = rows.flatMap((row) => (row.instance_key === null ? [] : [toInstance(row)]));
      return { items, total: rows[0]?.total ?? 0 };
    },
    pageDefinitions: async (filter) => {
      const rows = await selectDefinitionsByNumber(db, filter);
      const items = rows.flatMap((row) => (row.id === null ? [] : [toDefinition(row)]));
      return { items, total: rows[0]?.total ?? 0 };
    },
  };
}

async function getInstance(db: Database, id: InstanceId) {
  const row = await instances.selectInstance(db, id);
  if (!row) return undefined;
  const [jobs, history] = await Promise.all([selectJobsOfInstance(db, id), instances.selectHistory(db, id)]);
  return { instance: toInstance(row), jobs: jobs.map(toJob), history: history.map(toHistoryEntry) };
}

/** Somebody else may store a version at the same moment: then the next number is tried. */
async function putDefinition(db: Database, definition: NewDefinition): Promise<DefinitionRecord> {
  for (;;) {
    const known = await definitions.selectDefinitionByHash(db, definition);
    const row = known ?? (await definitions.insertDefinition(db, definition));
    if (row) return toDefinition(row);
  }
}

function toDefinition(row: definitions.DefinitionRow): DefinitionRecord {
  const { id, version, name, document, uploaded_at: uploadedAt } = row;
  return { id, version, ...ofTenant(row.tenant), name, document, uploadedAt };
}

function toUserTask(row: instances.UserTaskRow) {
  return {
    instanceId: row.instance_id as InstanceId,
    activation: row.activation,
    step: row.step,
    name: row.name,
    workflow: row.workflow,
    foreignId: row.foreign_id,
    openedAt: row.opened_at,
  };
}
