import { jsCRC32C, Reader, readRecordsBatch } from '@platformatic/kafka';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { recordBatchBound, writeRecordBatch } from '../../../../adapters/kafka/record-batch.ts';
import type { OutgoingRecord } from '../../../../engine/ports/event-streamer.ts';
import type { Topic } from '../../../../events/ids.ts';

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));

const record: fc.Arbitrary<OutgoingRecord> = fc.record({
  topic: fc.constant('t' as Topic),
  key: bytes(70),
  // Around the lengths at which a variable-length integer grows by a byte.
  value: fc.oneof(
    bytes(70),
    bytes(300),
    fc.constantFrom(63, 64, 8191, 8192).map((size) => Buffer.alloc(size, 7)),
  ),
  headers: fc.array(fc.record({ name: fc.string({ maxLength: 20 }), value: bytes(70) }), { maxLength: 5 }),
});

const identity = fc.record({
  producerId: fc.bigInt({ min: 0n, max: 2n ** 62n }),
  producerEpoch: fc.integer({ min: 0, max: 32_767 }),
  baseSequence: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
});

function write(records: readonly OutgoingRecord[], options: Parameters<typeof writeRecordBatch>[2]): Buffer {
  return writeRecordBatch(Buffer.alloc(recordBatchBound(records)), records, options);
}

test('what another client reads from a batch is what was written, and the checksum is right', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 200 }), identity, (records, producer) => {
      const timestamp = 1_795_000_000_000;

      const written = write(records, { identity: producer, timestamp });
      const batch = readRecordsBatch(Reader.from(Buffer.from(written)));

      expect(written.readUInt32BE(17)).toBe(jsCRC32C(written.subarray(21)) >>> 0);
      expect(batch.magic).toBe(2);
      expect(batch.producerId).toBe(producer.producerId);
      expect(batch.producerEpoch).toBe(producer.producerEpoch);
      expect(batch.firstSequence).toBe(producer.baseSequence);
      expect(batch.lastOffsetDelta).toBe(records.length - 1);
      expect(batch.firstTimestamp).toBe(BigInt(timestamp));
      expect(batch.records.map(({ offsetDelta }) => offsetDelta)).toEqual(records.map((_, index) => index));
      expect(batch.records.map(plain)).toEqual(records.map(plain));
    }),
    { numRuns: 300 },
  );
});

test('the bound is never too small, and the batch begins where the memory does', () => {
  fc.assert(
    fc.property(fc.array(record, { minLength: 1, maxLength: 50 }), identity, (records, producer) => {
      const target = Buffer.alloc(recordBatchBound(records) + 100, 0xee);

      const batch = writeRecordBatch(target, records, { identity: producer, timestamp: 0 });

      expect(batch.length).toBeLessThanOrEqual(recordBatchBound(records));
      expect(batch.buffer).toBe(target.buffer);
      expect(target.subarray(batch.length).every((byte) => byte === 0xee)).toBe(true);
    }),
  );
});

function plain(one: {
  key: Buffer | null;
  value: Buffer | null;
  headers: readonly { name: string; value: Buffer }[] | readonly (readonly [Buffer | null, Buffer | null])[];
}) {
  const headers = [...one.headers].map((header) =>
    'name' in header
      ? [header.name, header.value.toString('hex')]
      : [header[0]?.toString(), header[1]?.toString('hex')],
  );
  return { key: one.key?.toString('hex'), value: one.value?.toString('hex'), headers };
}
