import type { KafkaClient } from '../../../adapters/kafka/config.ts';

/** What a client is known to fail, and why. */
export const knownFailures: Partial<Record<KafkaClient, Readonly<Record<string, string>>>> = {};
