import { openMemoryRecords } from './workflow-record-store.memory.ts';
import { recordStoreSuite } from './workflow-record-store.suite.ts';

recordStoreSuite('memory', openMemoryRecords);
