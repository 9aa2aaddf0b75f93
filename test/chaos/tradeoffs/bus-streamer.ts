import type { EventBusName } from '../../../adapters/event-bus-config.ts';
import { openEventBus } from '../../../adapters/open-event-bus.ts';
import { systemClock } from '../../../adapters/system/clock.ts';
import { createBusStreamer } from '../../../engine/bus-streamer.ts';
import { DISPATCH_STREAM, ensureDispatchStream } from '../../../engine/dispatch-stream.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import type { Topic } from '../../../events/ids.ts';

export type BusName = Exclude<EventBusName, 'kafka'>;
type Env = Readonly<Record<string, string>>;

async function open(name: BusName, dsn: string, env: Env) {
  const { bus, close } = await openEventBus(name, {
    env,
    postgres: () => ({ dsn, poolSize: 5 }),
    process: 'worker',
    clock: systemClock,
    logger: silentLogger,
  });
  await ensureDispatchStream(bus);
  return { bus, close };
}

/** As `millrace worker --source bus` has it. */
export async function openBusStreamer(name: BusName, dsn: string, env: Env) {
  const { bus, close } = await open(name, dsn, env);
  return { streamer: createBusStreamer({ bus, clock: systemClock, stream: DISPATCH_STREAM }), close };
}

/** All that was ever published to the topic: what a consumer has before it that begins now. */
export async function countOnBus(name: BusName, dsn: string, env: Env, topic: Topic): Promise<number> {
  const { bus, close } = await open(name, dsn, env);
  try {
    const ref = { stream: DISPATCH_STREAM, name: 'counts' };
    await bus.ensureConsumer({ ...ref, filterSubject: topic });
    return await bus.backlog(ref);
  } finally {
    await close();
  }
}
