import { Partitioners } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { keyPartitioner, murmur2 } from '../../../../adapters/kafka/partitioner.ts';

/** From Kafka's own UtilsTest.testMurmur2. */
const javaVectors: readonly (readonly [string, number])[] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
];

describe('the partition of a key', () => {
  it.each(javaVectors)('hashes "%s" as the Java client does', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
  });

  it('is the one kafkajs gives, for keys of every length and byte', () => {
    const [ours, theirs] = [keyPartitioner(), Partitioners.DefaultPartitioner()];
    const partitionMetadata = Array.from({ length: 7 }, (_, partitionId) => ({
      partitionErrorCode: 0,
      partitionId,
      leader: 1,
      replicas: [1],
      isr: [1],
    }));
    for (let length = 0; length < 300; length += 1) {
      const key = Buffer.from(Array.from({ length }, (_, at) => (at * 37 + length * 101) % 256));
      const args = { topic: 'topic', partitionMetadata, message: { key, value: key } };
      expect(ours(args)).toBe(theirs(args));
    }
  });
});
