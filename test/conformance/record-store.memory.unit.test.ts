import { openMemoryStore } from './record-store.memory.ts';
import { testRecordStore } from './record-store.suite.ts';

testRecordStore('MemoryRecordStore', openMemoryStore);
