import type { KafkaClient } from '../../../adapters/kafka/config.ts';

/**
 * What a client has been seen to fail, and why. Such a clause is run and its outcome is in the table, but it fails no test:
 * whether a race is lost depends on the moment.
 */
export const knownFailures: Partial<Record<KafkaClient, Readonly<Record<string, string>>>> = {
  kafkajs: {
    'KC-3':
      'records are lost: after a failed send it takes sequence numbers back that a broker may have stored',
  },
};
