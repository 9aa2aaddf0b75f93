import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkPack } from '../../../events/pack.ts';
import { readOutboxMessage } from '../../../relay-cdc/outbox-message.ts';
import { PgoutputDecoder } from '../../../relay-cdc/pgoutput.ts';
import { Piece } from '../../../relay-cdc/piece.ts';
import { type Shard, WHOLE } from '../../../relay-cdc/shards.ts';
import type { OutboxRow } from '../../../relay-cdc/wal-session.ts';
import { int16, int32, int64 } from './pgoutput-messages.ts';

const ID = Buffer.from('0123456789abcdef');

interface Parts {
  readonly prefix?: string;
  readonly flags?: number;
  readonly shardKey?: number;
  readonly dispatchId?: Buffer;
  readonly count?: number;
  readonly topicLength?: number;
}

/** As migration 0030 and pgoutput write it, behind the tag. */
function body(parts: Parts = {}): Buffer {
  const { prefix = 'millrace.outbox', flags = 1, shardKey = 4, dispatchId = ID, count = 3 } = parts;
  const topic = Buffer.from('a.topic');
  const content = Buffer.concat([
    int64(42n),
    int16(shardKey),
    dispatchId,
    int32(count),
    int16(parts.topicLength ?? topic.length),
    topic,
    Buffer.from('pack'),
  ]);
  return framed(content, prefix, flags);
}

function framed(content: Buffer, prefix = 'millrace.outbox', flags = 1): Buffer {
  return Buffer.concat([
    Buffer.of(flags),
    int64(7n),
    Buffer.from(`${prefix}\0`),
    int32(content.length),
    content,
  ]);
}

test('a message of the outbox is read as its row would be', () => {
  expect(readOutboxMessage(body(), WHOLE)).toEqual({
    id: 42n,
    topic: 'a.topic',
    messageCount: 3,
    messages: Buffer.from('pack'),
    hint: { dispatchId: ID },
  });
  expect(readOutboxMessage(body({ dispatchId: Buffer.alloc(16) }), WHOLE)?.hint).toEqual({
    dispatchId: undefined,
  });
});

test('a shard takes what is its own', () => {
  const taken = [0, 1, 2].map((index): number[] => {
    const shard: Shard = { index, of: 3 };
    return [0, 4, 5, 32_767].filter((shardKey) => readOutboxMessage(body({ shardKey }), shard));
  });
  expect(taken).toEqual([[0], [4, 32_767], [5]]);
});

test('what is not of the outbox, or of no transaction, is passed over', () => {
  expect(readOutboxMessage(body({ prefix: 'somebody' }), WHOLE)).toBeUndefined();
  expect(readOutboxMessage(body({ flags: 0 }), WHOLE)).toBeUndefined();
});

describe('under the name of the outbox', () => {
  test.each<[string, Buffer]>([
    ['is cut short', framed(Buffer.from('short'))],
    ['is empty', framed(Buffer.alloc(0))],
    ['counts no messages', body({ count: 0 })],
    ['counts fewer than none', body({ count: -5 })],
    ['counts more than a pack may hold', body({ count: 1_001 })],
    ['has a topic beyond its end', body({ topicLength: 30_000 })],
    ['has a topic of less than nothing', body({ topicLength: -1 })],
  ])('one that %s is a row without a pack, which the lane tells of', (_, bytes) => {
    const row = readOutboxMessage(bytes, WHOLE);
    expect(row?.messageCount).toBe(1);
    expect(() => checkPack(row?.messages ?? Buffer.alloc(0), 1)).toThrow();
  });

  test('no content throws, and none counts anything but 1 to 1000 messages', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const row = readOutboxMessage(framed(Buffer.from(bytes)), WHOLE);
        expect(row && row.messageCount >= 1 && row.messageCount <= 1_000).toBe(true);
      }),
    );
  });
});

test('the decoder hands it on among the rows', () => {
  const rows: OutboxRow[] = [];
  const nothing = (): void => undefined;
  const decoder = new PgoutputDecoder({ begin: nothing, commit: nothing, insert: (row) => rows.push(row) });
  const message = Buffer.concat([Buffer.from('beforeM'), body(), Buffer.from('after')]);
  decoder.decode(new Piece(message, () => undefined), 6, message.length - 5);
  expect(rows.map(({ id }) => id)).toEqual([42n]);
});
