import { ConnectionPool, describeProducersV0 } from '@platformatic/kafka';
import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import type { Topic } from '../../../events/ids.ts';
import { waitFor } from '../../helpers/wait-for.ts';

/** Makes the broker forget every producer of the topic, as it does after a day without a word of one. */
export async function expireProducers(brokers: readonly string[], topic: Topic): Promise<void> {
  await setExpiry(brokers, '1');
  const pool = new ConnectionPool('kit-expiry');
  try {
    const [host = '', port = '0'] = brokers[0]?.split(':') ?? [];
    await waitFor(
      async () => {
        const connection = await pool.get({ host, port: Number(port) });
        const { topics } = await describeProducersV0.api.async(connection, [
          { name: topic, partitionIndexes: [0, 1, 2] },
        ]);
        return topics.every(({ partitions }) => partitions.every((one) => one.activeProducers.length === 0));
      },
      { within: 20_000, what: 'the broker to forget the producers' },
    );
  } finally {
    await pool.close();
    await setExpiry(brokers, '86400000');
  }
}

async function setExpiry(brokers: readonly string[], milliseconds: string): Promise<void> {
  const admin = new Kafka({ clientId: 'kit', brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: ConfigResourceTypes.BROKER,
          name: '1',
          configEntries: [{ name: 'producer.id.expiration.ms', value: milliseconds }],
        },
      ],
    });
  } finally {
    await admin.disconnect();
  }
}
