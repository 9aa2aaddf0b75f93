import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameReader } from '../../../relay-cdc/frame-reader.ts';
import type { Piece } from '../../../relay-cdc/piece.ts';

function frame(type: number, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(5 + body.length);
  bytes[0] = type;
  bytes.writeUInt32BE(4 + body.length, 1);
  bytes.set(body, 5);
  return bytes;
}

function collect() {
  const frames: { type: number; body: Buffer }[] = [];
  const reader = new FrameReader((type, piece, { start, end }) => {
    piece.hold();
    frames.push({ type, body: piece.bytes.subarray(start, end) });
  });
  return { frames, reader };
}

test('messages come out whole and in order, however the stream is cut', () => {
  const message = fc.record({ type: fc.nat(255), body: fc.uint8Array({ maxLength: 300 }) });
  const cuts = fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 30 }), cuts, (messages, sizes) => {
      const stream = Buffer.concat(messages.map(({ type, body }) => frame(type, body)));
      const { frames, reader } = collect();
      for (let at = 0, turn = 0; at < stream.length; turn += 1) {
        const size = sizes[turn % sizes.length] ?? 1;
        // A chunk of its own, as a socket delivers it.
        reader.read(Buffer.from(stream.subarray(at, at + size)));
        at += size;
      }
      expect(frames.map(({ type, body }) => ({ type, body: [...body] }))).toEqual(
        messages.map(({ type, body }) => ({ type, body: [...body] })),
      );
    }),
  );
});

test('a large message in many chunks is put together once', () => {
  const body = Buffer.alloc(2_000_000, 7);
  const stream = frame(100, body);
  const { frames, reader } = collect();
  for (let at = 0; at < stream.length; at += 65_536) reader.read(stream.subarray(at, at + 65_536));
  expect(frames).toHaveLength(1);
  expect(frames[0]?.body.equals(body)).toBe(true);
});

test('a length that PostgreSQL never sends ends the stream', () => {
  const { reader } = collect();
  expect(() => reader.read(Buffer.from([100, 0, 0, 0, 3]))).toThrow(/never sends/);
  expect(() => reader.read(Buffer.from([100, 0xff, 0xff, 0xff, 0xff]))).toThrow(/never sends/);
});

test('memory that everybody has released is used again, and memory that somebody holds is not', () => {
  const seen: { piece: Piece; body: Buffer }[] = [];
  const reader = new FrameReader((_type, piece, { start, end }) => {
    piece.hold();
    seen.push({ piece, body: piece.bytes.subarray(start, end) });
  });
  const memories = new Set<ArrayBufferLike>();
  for (let turn = 0; turn < 100; turn += 1) {
    reader.read(frame(100, Buffer.alloc(100_000, turn)));
    memories.add(reader.room().buffer);
    // The first is held throughout; of the others each is let go three messages later.
    if (seen.length > 4) seen.splice(1, 1)[0]?.piece.release();
    for (const { body } of seen) expect(body.equals(Buffer.alloc(body.length, body[0]))).toBe(true);
  }
  expect(seen[0]?.body[0]).toBe(0);
  expect(memories.size).toBeLessThan(8);
});
