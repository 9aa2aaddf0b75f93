import { expect, test } from 'vitest';
import { chooseKafka } from '../../../../../cli/dev/backends/choose.ts';

test('brokers named by the environment come first', async () => {
  expect(await chooseKafka({ WE_KAFKA_SEED_BROKERS: 'a:9092, b:9092' })).toEqual({
    kind: 'external',
    brokers: ['a:9092', 'b:9092'],
  });
});

test('a malformed list of brokers is refused by the name of its variable', async () => {
  await expect(chooseKafka({ WE_KAFKA_SEED_BROKERS: 'a:9092,,' })).rejects.toThrow(/WE_KAFKA_SEED_BROKERS/);
});
