import type { EventBusName } from '../adapters/event-bus-config.ts';
import { readKafkaConfig } from '../adapters/kafka/config.ts';
import { openEventBus } from '../adapters/open-event-bus.ts';
import { readPostgresConfig } from '../adapters/postgres/config.ts';
import { createPool } from '../adapters/postgres/pool.ts';
import { selectTypes } from '../adapters/postgres/sql/write.ts';
import { translating } from '../adapters/postgres/translating.ts';
import { systemClock } from '../adapters/system/clock.ts';
import { consumerOf } from '../engine/bus-receiver.ts';
import { DISPATCH_STREAM } from '../engine/dispatch-stream.ts';
import { isMillraceError } from '../engine/errors.ts';
import { silentLogger } from '../engine/ports/logger.ts';
import type { StepId } from '../events/ids.ts';
import { workerGroup } from '../events/topics.ts';

/** What was dispatched for a step and its workers have not settled. */
export interface StepBacklog {
  readonly step: StepId;
  readonly messages: number;
  /** Without one, what lies in the broker waits for nobody: only moving it or the sweep for lost dispatches gets it run. */
  readonly hasWorkers: boolean;
}

type ReadStep = (step: StepId) => Promise<Omit<StepBacklog, 'step'>>;

interface OpenBroker {
  readonly read: ReadStep;
  close(): Promise<void>;
}

/** Looks at the broker that is named, of every job type there is. */
export async function withDispatchBacklog(
  name: EventBusName,
  use: (look: () => Promise<readonly StepBacklog[]>) => Promise<void>,
): Promise<void> {
  await using cleanup = new AsyncDisposableStack();
  const pool = createPool(readPostgresConfig(process.env, { poolSize: 1 }), silentLogger);
  cleanup.defer(() => pool.end());
  const { read, close } = name === 'kafka' ? await openKafka() : await openBus(name);
  cleanup.defer(close);
  await use(async () => {
    const steps = (await selectTypes(translating(pool))) as StepId[];
    const found: StepBacklog[] = [];
    for (const step of steps) found.push({ step, ...(await read(step)) });
    return found;
  });
}

async function openKafka(): Promise<OpenBroker> {
  const { openLagReader } = await import('../adapters/kafka/consumer-lag.ts');
  const reader = await openLagReader(readKafkaConfig(process.env));
  return {
    read: async (step) => {
      const { messages, hasCommitted } = await reader.read(step);
      return { messages, hasWorkers: hasCommitted };
    },
    close: () => reader.close(),
  };
}

async function openBus(name: Exclude<EventBusName, 'kafka'>): Promise<OpenBroker> {
  const { bus, close } = await openEventBus(name, {
    env: process.env,
    postgres: () => readPostgresConfig(process.env, { poolSize: 1 }),
    process: 'dispatch',
    clock: systemClock,
    logger: silentLogger,
  });
  const read: ReadStep = async (step) => {
    try {
      const messages = await bus.backlog(consumerOf(DISPATCH_STREAM, workerGroup(step)));
      return { messages, hasWorkers: true };
    } catch (error) {
      if (!isMillraceError(error) || error.code !== 'stream_missing') throw error;
      return { messages: 0, hasWorkers: false };
    }
  };
  return { read, close };
}
