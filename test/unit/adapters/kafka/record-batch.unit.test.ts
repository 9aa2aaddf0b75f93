import { jsCRC32C, Reader, readRecordsBatch } from '@platformatic/kafka';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { halves, type Lot, planLots, writeLot } from '../../../../adapters/kafka/lots.ts';
import { murmur2, partitionOf } from '../../../../adapters/kafka/partitioner.ts';
import { type BatchIdentity, sealBatch } from '../../../../adapters/kafka/record-batch.ts';
import { openPacks } from '../../../../engine/open-packs.ts';
import type { OutgoingPack } from '../../../../engine/ports/event-streamer.ts';
import type { JobId, Topic } from '../../../../events/ids.ts';
import { encodePack } from '../../../../events/pack.ts';

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const headers = fc.array(fc.record({ name: fc.string({ maxLength: 20 }), value: bytes(70) }), {
  maxLength: 4,
});

const message = fc.record({
  jobId: fc.constant('00112233-4455-6677-8899-aabbccddeeff' as JobId),
  key: bytes(70),
  // Around the lengths at which a variable-length integer grows by a byte, and a loop gives way to a call.
  value: fc.oneof(
    bytes(70),
    bytes(300),
    fc.constantFrom(40, 41, 63, 64, 8191, 8192).map((size) => Buffer.alloc(size, 7)),
  ),
  headers,
});

const pack: fc.Arbitrary<OutgoingPack> = fc
  .record({
    topic: fc.constantFrom('t' as Topic, 'u' as Topic),
    messages: fc.array(message, { minLength: 1, maxLength: 30 }),
    headers,
    firstIndex: fc.constantFrom(undefined, 0, 95, 999_990),
  })
  .map(({ messages, ...rest }) => ({
    ...rest,
    messageCount: messages.length,
    messages: encodePack(messages),
  }));

const identity = fc.record({
  producerId: fc.bigInt({ min: 0n, max: 2n ** 62n }),
  producerEpoch: fc.integer({ min: 0, max: 32_767 }),
  baseSequence: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
});

const PARTITIONS = new Map([
  ['t' as Topic, 3],
  ['u' as Topic, 1],
]);
const TIMESTAMP = 1_795_000_000_000;

function write(lot: Lot, producer: BatchIdentity): Buffer {
  const batch = writeLot(Buffer.alloc(lot.bound), lot);
  sealBatch(batch, lot.places.length, { identity: producer, timestamp: TIMESTAMP });
  return batch;
}

function read(batch: Buffer) {
  return readRecordsBatch(Reader.from(Buffer.from(batch)));
}

test('what another client reads from the batches is every message, where its key belongs, in order', () => {
  fc.assert(
    fc.property(fc.array(pack, { maxLength: 12 }), identity, (packs, producer) => {
      const records = openPacks(packs);

      const queues = planLots(packs, PARTITIONS);

      const places = queues.flatMap((lots) => lots.flatMap((lot) => lot.places));
      expect(places.toSorted((a, b) => a - b)).toEqual(records.map((_, place) => place));
      for (const lots of queues) {
        const own = lots.flatMap((lot) => lot.places);
        expect(own).toEqual(own.toSorted((a, b) => a - b));
        for (const lot of lots) {
          const expected = lot.places.flatMap((place) => records[place] ?? []);
          for (const { topic, key } of expected) {
            expect(topic).toBe(lot.topic);
            expect(partitionOf(murmur2(key), PARTITIONS.get(topic) ?? 0)).toBe(lot.partition);
          }
          expect(read(write(lot, producer)).records.map(plain)).toEqual(expected.map(plain));
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('the head of a batch names its producer and its records, and the checksum is right', () => {
  fc.assert(
    fc.property(pack, identity, (one, producer) => {
      for (const [lot] of planLots([one], PARTITIONS)) {
        if (!lot) continue;
        const written = write(lot, producer);
        const batch = read(written);
        expect(written.readUInt32BE(17)).toBe(jsCRC32C(written.subarray(21)) >>> 0);
        expect(batch.magic).toBe(2);
        expect(batch.producerId).toBe(producer.producerId);
        expect(batch.producerEpoch).toBe(producer.producerEpoch);
        expect(batch.firstSequence).toBe(producer.baseSequence);
        expect(batch.lastOffsetDelta).toBe(lot.places.length - 1);
        expect(batch.firstTimestamp).toBe(BigInt(TIMESTAMP));
        expect(batch.records.map(({ offsetDelta }) => offsetDelta)).toEqual(
          lot.places.map((_, offset) => offset),
        );
      }
    }),
  );
});

test('the bound is never too small, and the batch begins where the memory does', () => {
  fc.assert(
    fc.property(fc.array(pack, { minLength: 1, maxLength: 5 }), (packs) => {
      for (const lot of planLots(packs, PARTITIONS).flat()) {
        const target = Buffer.alloc(lot.bound + 100, 0xee);
        const batch = writeLot(target, lot);
        expect(batch.length).toBeLessThanOrEqual(lot.bound);
        expect(batch.buffer).toBe(target.buffer);
        expect(target.subarray(batch.length).every((byte) => byte === 0xee)).toBe(true);
      }
    }),
  );
});

test('the halves of a lot are its messages, the later ones in the second', () => {
  fc.assert(
    fc.property(pack, (one) => {
      for (const [lot] of planLots([one], PARTITIONS)) {
        if (!lot || lot.places.length < 2) continue;
        const [first, second] = halves(lot);
        expect([...first.places, ...second.places]).toEqual(lot.places);
        expect(Math.abs(first.places.length - second.places.length)).toBeLessThanOrEqual(1);
        const all = [first, second].flatMap((half) => read(write(half, NOBODY)).records.map(plain));
        expect(all).toEqual(read(write(lot, NOBODY)).records.map(plain));
      }
    }),
  );
});

test('no lot is larger than a broker takes, unless one message alone is', () => {
  const large = (size: number) =>
    encodePack([
      {
        jobId: '00112233-4455-6677-8899-aabbccddeeff' as JobId,
        key: Buffer.from('k'),
        value: Buffer.alloc(size),
        headers: [],
      },
    ]);
  const packs = [400_000, 400_000, 400_000, 1_500_000, 10].map((size) => ({
    topic: 'u' as Topic,
    messages: large(size),
    messageCount: 1,
    headers: [],
    firstIndex: 0,
  }));
  expect(planLots(packs, PARTITIONS).map((lots) => lots.map(({ places }) => places))).toEqual([
    [[0, 1], [2], [3], [4]],
  ]);
});

const NOBODY: BatchIdentity = { producerId: 1n, producerEpoch: 0, baseSequence: 0 };

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
