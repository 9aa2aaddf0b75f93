import { Kafka, logLevel } from 'kafkajs';
import {
  getDisabledLogger,
  initializeReplicationMessageListener,
  type ReplicationListenerConfig,
} from 'pg-transactional-outbox';

/** pg-transactional-outbox as its README sets it up for Kafka: a listener on the slot, a handler that sends. Told all by its arguments. */
const { dsn, brokers, topic, table, publication, slot, tuned } = JSON.parse(process.argv[2] ?? '{}');

const producer = new Kafka({ clientId: 'peer', brokers, logLevel: logLevel.NOTHING }).producer({
  idempotent: true,
  maxInFlightRequests: 1,
});
await producer.connect();

const config: ReplicationListenerConfig = {
  outboxOrInbox: 'outbox',
  dbListenerConfig: { connectionString: dsn },
  settings: {
    dbSchema: 'public',
    dbTable: table,
    dbPublication: publication,
    dbReplicationSlot: slot,
    enableMaxAttemptsProtection: !tuned,
    enablePoisonousMessageProtection: !tuned,
  },
};

initializeReplicationMessageListener(
  config,
  {
    handle: async (message) => {
      const value = JSON.stringify(message.payload);
      await producer.send({
        topic,
        acks: -1,
        messages: [{ key: message.aggregateId, value, headers: { id: message.id } }],
      });
    },
  },
  getDisabledLogger(),
);
