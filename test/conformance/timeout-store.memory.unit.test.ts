import { describe, it } from 'vitest';
import { timeoutStoreSuite } from '../../sdk/testing/conformance/timeout-store.suite.ts';
import { openMemoryTimeouts } from './timeout-store.memory.ts';

timeoutStoreSuite('MemoryTimeoutStore', { describe, it, open: openMemoryTimeouts });
