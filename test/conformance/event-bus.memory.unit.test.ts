import { openMemoryBus } from './event-bus.memory.ts';
import { testEventBus } from './event-bus.suite.ts';

testEventBus('MemoryEventBus', openMemoryBus);
