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
import { MillraceError } from '../../engine/errors.ts';
import type { Composition } from './composition.ts';

/** Several processes, each with all of it: roles let one work where two would disturb each other, and the others take over. */
export function production(env: Environment, logger = createJsonLogger()): Composition {
  const kafka = readKafkaConfig(env);
  if (kafka.transport === 'plaintext') {
    throw new MillraceError(
      'configuration',
      'WE_KAFKA_TRANSPORT is plaintext, which production does not use. Set it to sasl_scram_tls or msk_iam.',
    );
  }
  const postgres = readPostgresConfig(env, { poolSize: 20 });
  const pool = createPool(postgres, logger);
  // A stream can have more partitions than members, and cannot have fewer later. The brokers say how many copies: three in infra/.
  const log = new KafkaMessageLog({ config: kafka, clock, partitions: 12 });
  const { bus, close } = openLogBus(log, postgres, { clock, logger });
  return {
    records: createPostgresWorkflowRecords(pool),
    bus,
    roles: new PostgresRoleScheduler({ ...postgres, clock, logger }),
    timeouts: createPostgresTimeoutStore(pool),
    clock,
    logger,
    options: { parallelCount: 5, pollingFrequency: 250, errBackOff: 60_000, pauseAfterErrCount: 3 },
    close: async () => {
      await close();
      await pool.end();
    },
  };
}
