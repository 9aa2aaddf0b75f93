import { describe, it } from 'vitest';
import { recordStoreSuite } from '../../sdk/testing/conformance/workflow-record-store.suite.ts';
import { openMemoryRecords } from './workflow-record-store.memory.ts';

recordStoreSuite('memory', { describe, it, open: openMemoryRecords });
