import { afterAll, beforeAll, describe, it } from 'vitest';
import { readKafkaConfig } from '../../adapters/kafka/config.ts';
import { KafkaMessageLog } from '../../adapters/kafka/message-log.ts';
import { createPostgresLedger } from '../../adapters/postgres/eventbus/ledger.ts';
import { createPool } from '../../adapters/postgres/pool.ts';
import { PostgresRoleScheduler } from '../../adapters/postgres/role-scheduler.ts';
import { systemClock } from '../../adapters/system/clock.ts';
import { LogBus } from '../../engine/log-bus/log-bus.ts';
import { silentLogger } from '../../engine/ports/logger.ts';
import { eventBusSuite } from '../../sdk/testing/conformance/event-bus.suite.ts';
import { createDatabase, type TestDatabase } from '../helpers/database.ts';
import { describeKafka, kafkaBrokers } from '../helpers/kafka.ts';

describeKafka('Kafka', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createDatabase();
  });

  afterAll(() => database.drop());

  eventBusSuite('Kafka', {
    describe,
    it,
    open: async () => {
      const cleanup = new AsyncDisposableStack();
      const open = () => {
        const { dsn } = database;
        const pool = createPool({ dsn, poolSize: 5 }, silentLogger);
        const config = readKafkaConfig({
          WE_KAFKA_TRANSPORT: 'plaintext',
          WE_KAFKA_SEED_BROKERS: kafkaBrokers().join(','),
        });
        const common = { clock: systemClock, logger: silentLogger };
        const bus = new LogBus({
          ...common,
          log: new KafkaMessageLog({ config, clock: systemClock, partitions: 3 }),
          ledger: createPostgresLedger(pool, 'kafka'),
          roles: new PostgresRoleScheduler({ ...common, dsn, intervalMs: 50 }),
          maxMessageBytes: 10_000,
        });
        cleanup.defer(() => pool.end());
        cleanup.defer(() => bus.close());
        return bus;
      };
      return {
        buses: [open(), open()],
        tooLarge: 16_000,
        within: 30_000,
        [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
      };
    },
  });
});
