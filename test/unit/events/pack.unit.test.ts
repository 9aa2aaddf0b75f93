import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JobId } from '../../../events/ids.ts';
import { decodePack, encodePack, PackError, packedSize } from '../../../events/pack.ts';

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const message = fc.record({
  jobId: fc.uuid().map((id) => id as JobId),
  key: bytes,
  value: bytes,
  headers: fc.array(fc.record({ name: fc.string({ maxLength: 20, unit: 'grapheme' }), value: bytes }), {
    maxLength: 4,
  }),
});

describe('a pack', () => {
  it('gives back what was put in, in the promised size', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
        const pack = encodePack(messages);
        expect(pack.length).toBe(messages.reduce((size, one) => size + packedSize(one), 0));
        expect(decodePack(pack, messages.length)).toEqual(messages);
      }),
    );
  });

  it('joined to another is the pack of both', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), fc.array(message, { maxLength: 5 }), (one, two) => {
        const joined = Buffer.concat([encodePack(one), encodePack(two)]);
        expect(decodePack(joined, one.length + two.length)).toEqual([...one, ...two]);
      }),
    );
  });

  it('cut short anywhere is refused', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 3 }), fc.nat(), (messages, cut) => {
        const pack = encodePack(messages);
        expect(() => decodePack(pack.subarray(0, cut % pack.length), messages.length)).toThrow(PackError);
      }),
    );
  });

  it('of arbitrary bytes is refused or read, and never anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 500 }), (garbage) => {
        try {
          decodePack(Buffer.from(garbage), 1);
        } catch (error) {
          expect(error).toBeInstanceOf(PackError);
        }
      }),
    );
  });

  it('with another number of messages than its row says is refused, and the message says both', () => {
    const [one] = fc.sample(message, 1);
    expect(() => decodePack(encodePack(one ? [one] : []), 2)).toThrow('says it holds 2 messages and holds 1');
  });

  it('has the layout that the SQL function builds', () => {
    const pack = encodePack([
      {
        jobId: '00112233-4455-6677-8899-aabbccddeeff' as JobId,
        key: Buffer.from('k'),
        value: Buffer.from('vv'),
        headers: [{ name: 'h', value: Buffer.from('x') }],
      },
    ]);
    expect(pack.toString('hex')).toBe(
      `00112233445566778899aabbccddeeff${'00000001'}6b${'00000002'}7676${'0001'}${'0001'}68${'00000001'}78`,
    );
  });
});
