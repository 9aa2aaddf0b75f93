import type { IncomingRecord } from '../../../../engine/ports/event-streamer.ts';
import type { JobHandlers } from '../../../../sdk/define.ts';
import type { Deadline } from '../../../../sdk/worker/deadline.ts';
import { createProcessRecords } from '../../../../sdk/worker/process-records.ts';
import type { WorkerApi } from '../../../../sdk/worker/worker-api.ts';
import { FakeClock } from './fake-clock.ts';
import { createService, farDeadline, type TestService } from './fixtures.ts';

interface Setup {
  readonly handlers?: JobHandlers;
  readonly api?: (service: TestService) => Partial<WorkerApi>;
  readonly concurrency?: number;
}

/** The process over a service in memory; `run` moves time on until the batch is done. */
export function setUp(setup: Setup = {}) {
  const clock = new FakeClock();
  const service = createService(clock);
  const process = createProcessRecords({
    handlers: setup.handlers ?? { noop: () => 'done' },
    api: { ...service.api, ...setup.api?.(service) },
    leaseMs: 60_000,
    concurrency: setup.concurrency ?? 1,
    clock,
  });
  const run = (records: readonly IncomingRecord[], deadline: Deadline = farDeadline()) =>
    clock.until(process(records, deadline));
  return { clock, service, process, run };
}
