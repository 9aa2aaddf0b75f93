import type { Environment } from '../../adapters/env.ts';
import { readKafkaConfig } from '../../adapters/kafka/config.ts';
import { KafkaMessageLog } from '../../adapters/kafka/message-log.ts';
import { openLogBus } from '../../adapters/open-log-bus.ts';
import { readPostgresConfig } from '../../adapters/postgres/config.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import { PostgresRoleScheduler } from '../../adapters/postgres/role-scheduler.ts';
import { createPostgresTimeoutStore } from '../../adapters/postgres/timeout-store.ts';
import { createPostgresWorkflowRecords } from '../../adapters/postgres/workflow-record-store.ts';
import { systemClock as clock } from '../../adapters/system/clock.ts';
import { createJsonLogger } from '../../adapters/system/logger.ts';
import type { Composition } from './composition.ts';

/** The parts of production, so that what goes wrong between them goes wrong here first; one of each server will do. */
export function staging(env: Environment, logger = createJsonLogger('debug')): Composition {
  const postgres = readPostgresConfig(env, { poolSize: 5 });
  const pool = createPool(postgres, logger);
  const log = new KafkaMessageLog({ config: readKafkaConfig(env), clock, partitions: 1 });
  const { bus, close } = openLogBus(log, postgres, { clock, logger });
  return {
    records: createPostgresWorkflowRecords(pool),
    bus,
    roles: new PostgresRoleScheduler({ ...postgres, clock, logger }),
    timeouts: createPostgresTimeoutStore(pool),
    clock,
    logger,
    options: { parallelCount: 2, pollingFrequency: 250, errBackOff: 1_000, pauseAfterErrCount: 3 },
    close: async () => {
      await close();
      await pool.end();
    },
  };
}
