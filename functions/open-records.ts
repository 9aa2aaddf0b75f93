import type { MysqlConfig } from '../adapters/mysql/config.ts';
import type { WorkflowRecordStore } from '../engine/ports/workflow-record-store.ts';

export interface Records {
  store(): Promise<WorkflowRecordStore>;
  close(): Promise<void>;
}

/** The records of workflow runs, in PostgreSQL unless told that they are in MySQL: connections to that are opened when first asked for. */
export function openRecords(inPostgres: WorkflowRecordStore, mysql: MysqlConfig | undefined): Records {
  if (!mysql) return { store: async () => inPostgres, close: async () => undefined };
  let opened: Promise<Records> | undefined;
  return {
    store: async () => {
      opened ??= openMysql(mysql);
      return (await opened).store();
    },
    close: async () => (await opened)?.close(),
  };
}

async function openMysql(config: MysqlConfig): Promise<Records> {
  const { createPool } = await import('../adapters/mysql/pool.ts');
  const { createMysqlRecordStore } = await import('../adapters/mysql/workflow-record-store.ts');
  const pool = createPool(config);
  const records = createMysqlRecordStore(pool);
  return { store: async () => records, close: () => pool.end() };
}
