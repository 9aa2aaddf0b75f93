import type { EventBusName } from '../../adapters/event-bus-config.ts';
import type { KafkaConfig } from '../../adapters/kafka/config.ts';
import { KafkaMessageLog } from '../../adapters/kafka/message-log.ts';
import { type OpenBus, openEventBus } from '../../adapters/open-event-bus.ts';
import { openLogBus } from '../../adapters/open-log-bus.ts';
import type { PostgresConfig } from '../../adapters/postgres/config.ts';
import { systemClock } from '../../adapters/system/clock.ts';
import { silentLogger } from '../../engine/ports/logger.ts';

export interface BusServers {
  readonly postgres: PostgresConfig;
  readonly natsUrl: string;
  readonly kafka: () => KafkaConfig;
  /** Of topics that are made. */
  readonly partitions: number;
}

/** The event bus of this name on these servers. */
export async function openBusOn(
  name: EventBusName,
  { postgres, natsUrl, kafka, partitions }: BusServers,
): Promise<OpenBus> {
  const common = { clock: systemClock, logger: silentLogger };
  if (name !== 'kafka') {
    const env = { WE_NATS_URL: natsUrl };
    return openEventBus(name, { ...common, env, postgres: () => postgres, process: 'test' });
  }
  return openLogBus(
    new KafkaMessageLog({ config: kafka(), clock: systemClock, partitions }),
    postgres,
    common,
  );
}
