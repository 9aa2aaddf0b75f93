import { describe, it } from 'vitest';
import { eventBusSuite } from '../../sdk/testing/conformance/event-bus.suite.ts';
import { openMemoryBus } from './event-bus.memory.ts';

eventBusSuite('MemoryEventBus', { describe, it, open: openMemoryBus });
