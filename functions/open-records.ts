import type { MysqlConfig } from '../adapters/mysql/config.ts';
import type { WorkflowRecordStore } from '../engine/ports/workflow-record-store.ts';

/** Where the records of workflow runs are. */
export interface Records {
  store(): Promise<WorkflowRecordStore>;
  close(): Promise<void>;
}

/** What `open` gives, opened when first asked for: a container that nobody asks reads and connects nothing for it. */
export function openedLate(open: () => Promise<Records>): Records {
  let opened: Promise<Records> | undefined;
  return {
    store: async () => {
      opened ??= open();
      return (await opened).store();
    },
    close: async () => (await opened)?.close(),
  };
}

export async function openMysqlRecords(config: MysqlConfig): Promise<Records> {
  const { createPool } = await import('../adapters/mysql/pool.ts');
  const { createMysqlRecordStore } = await import('../adapters/mysql/workflow-record-store.ts');
  const pool = createPool(config);
  const records = createMysqlRecordStore(pool);
  return { store: async () => records, close: () => pool.end() };
}
