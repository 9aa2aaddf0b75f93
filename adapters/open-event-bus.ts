import type { Clock } from '../engine/ports/clock.ts';
import type { EventBus } from '../engine/ports/event-bus.ts';
import type { Logger } from '../engine/ports/logger.ts';
import type { Environment } from './env.ts';
import type { EventBusName } from './event-bus-config.ts';
import type { PostgresConfig } from './postgres/config.ts';

export interface OpenBus {
  readonly bus: EventBus;
  /** Ends its connections too. */
  close(): Promise<void>;
}

export interface OpenBusOptions {
  readonly env: Environment;
  /** Asked for by the bus that is in PostgreSQL. */
  readonly postgres: () => PostgresConfig;
  /** As servers list it among their connections. */
  readonly process: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The event bus of this name. Each is loaded only where it is used. */
export async function openEventBus(
  name: Exclude<EventBusName, 'kafka'>,
  { env, postgres, process, clock, logger }: OpenBusOptions,
): Promise<OpenBus> {
  if (name === 'pgchannel') {
    const { openPgChannel } = await import('./postgres/eventbus/open.ts');
    return openPgChannel(postgres(), { clock, logger });
  }
  const { NatsBus } = await import('./nats/event-bus.ts');
  const { readNatsConfig } = await import('./nats/config.ts');
  const bus = new NatsBus({ config: readNatsConfig(env), name: `millrace ${process}`, clock, logger });
  return { bus, close: () => bus.close() };
}
