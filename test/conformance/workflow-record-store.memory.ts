import { MemoryWorkflowRecordStore } from '../../adapters/memory/workflow-record-store.ts';
import type { RecordStoreUnderTest } from '../../sdk/testing/conformance/workflow-record-store.suite.ts';

export async function openMemoryRecords(): Promise<RecordStoreUnderTest> {
  const store = new MemoryWorkflowRecordStore({ now: () => new Date() });
  return {
    stores: [store, store],
  };
}
