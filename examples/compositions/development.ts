import { MemoryEventBus } from '../../adapters/memory/event-bus.ts';
import { MemoryRoleScheduler } from '../../adapters/memory/role-scheduler.ts';
import { MemoryTimeoutStore } from '../../adapters/memory/timeout-store.ts';
import { MemoryWorkflowRecordStore } from '../../adapters/memory/workflow-record-store.ts';
import { systemClock as clock } from '../../adapters/system/clock.ts';
import { silentLogger as logger } from '../../engine/ports/logger.ts';
import type { Composition } from './composition.ts';

/** Nothing to install, and nothing left behind. What fails is seen at once. */
export function development(): Composition {
  const bus = new MemoryEventBus({ clock, logger });
  return {
    records: new MemoryWorkflowRecordStore(clock),
    bus,
    roles: new MemoryRoleScheduler(),
    timeouts: new MemoryTimeoutStore(clock),
    clock,
    logger,
    options: { parallelCount: 1, pollingFrequency: 20, errBackOff: 100, pauseAfterErrCount: 1 },
    close: () => bus.close(),
  };
}
