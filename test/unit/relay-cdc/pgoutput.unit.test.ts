import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isMillraceError } from '../../../engine/errors.ts';
import { PgoutputDecoder } from '../../../relay-cdc/pgoutput.ts';
import { Piece } from '../../../relay-cdc/piece.ts';
import type { OutboxRow } from '../../../relay-cdc/wal-session.ts';
import { begin, binary, commit, insert, int32, int64, relation, textual } from './pgoutput-messages.ts';

function decoder() {
  const rows: OutboxRow[] = [];
  const seen: string[] = [];
  const decode = new PgoutputDecoder({
    begin: (lsn, at) => seen.push(`begin ${lsn} ${at}`),
    insert: ({ memory: _, ...row }) => rows.push(row),
    commit: (lsn) => seen.push(`commit ${lsn}`),
  });
  /** Each message lies between other bytes, as it does in what the socket delivers. */
  const feed = (...messages: Buffer[]): void => {
    for (const message of messages) {
      const padded = Buffer.concat([Buffer.from('before'), message, Buffer.from('after')]);
      decode.decode(new Piece(padded, () => undefined), 6, 6 + message.length);
    }
  };
  return { rows, seen, feed };
}

const COLUMNS = ['id', 'topic', 'message_count', 'messages'];
const ROW = [
  binary(int64(42n)),
  binary(Buffer.from('a.topic')),
  binary(int32(3)),
  binary(Buffer.from('pack')),
];
const WANTED = { id: 42n, topic: 'a.topic', messageCount: 3, messages: Buffer.from('pack') };

test('a transaction is read as begin, rows and commit', () => {
  const { rows, seen, feed } = decoder();
  feed(begin(100n, 7n), relation(COLUMNS), insert(ROW), commit(120n));
  expect(rows).toEqual([WANTED]);
  expect(seen).toEqual(['begin 100 7', 'commit 120']);
});

test('text form means the same as binary form', () => {
  const { rows, feed } = decoder();
  feed(relation(COLUMNS), insert([textual('42'), textual('a.topic'), textual('3'), textual('\\x7061636b')]));
  expect(rows).toEqual([WANTED]);
});

test('columns are found by name in the latest description, and others are passed over', () => {
  const { rows, feed } = decoder();
  feed(relation(COLUMNS), insert(ROW));
  const [id, topic, count, messages] = ROW;
  if (!id || !topic || !count || !messages) throw new Error('unreachable');
  feed(
    relation(['note', 'messages', 'id', 'created_at', 'message_count', 'topic']),
    insert([{ kind: 'n' }, messages, id, textual('now'), count, topic]),
  );
  expect(rows).toEqual([WANTED, WANTED]);
});

test('messages are views of the bytes received, not copies', () => {
  const { rows, feed } = decoder();
  feed(relation(COLUMNS), insert(ROW));
  expect(rows[0]?.messages.buffer.byteLength).toBeGreaterThan(4);
});

test('rows of other tables and messages of other kinds are passed over', () => {
  const { rows, seen, feed } = decoder();
  feed(relation(['id'], 'jobs', 6), insert([binary(int64(1n))], 6), insert(ROW, 99));
  feed(Buffer.from('O'), Buffer.from('Y'), Buffer.from('T'), Buffer.from('M'), Buffer.from('?'));
  expect([rows, seen]).toEqual([[], []]);
});

test('a required column that is not published stops the stream by name', () => {
  const { feed } = decoder();
  expect(() => feed(relation(['id', 'topic', 'messages']))).toThrow(/message_count.*not in the publication/);
});

test.each(['n', 'u'] as const)('a required value of kind %s stops the stream by name', (kind) => {
  const { feed } = decoder();
  feed(relation(COLUMNS));
  const values = [...ROW.slice(0, 3), { kind }];
  expect(() => feed(insert(values))).toThrow(/Column messages .* has no value/);
});

test('a topic that follows another of the same length is not taken for it', () => {
  const { rows, feed } = decoder();
  feed(relation(COLUMNS));
  for (const topic of ['topic-a', 'topic-b', 'topic-a']) {
    feed(insert([ROW[0] ?? textual(''), binary(Buffer.from(topic)), ...ROW.slice(2)]));
  }
  expect(rows.map(({ topic }) => topic)).toEqual(['topic-a', 'topic-b', 'topic-a']);
});

test('bytes of any kind are read, passed over or refused by name, and never fail otherwise', () => {
  const valid = [begin(1n), relation(COLUMNS), insert(ROW), commit(2n)];
  const mutated = fc
    .tuple(
      fc.constantFrom(...valid),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))),
      fc.nat(),
    )
    .map(([message, changes, cut]) => {
      const copy = Buffer.from(message);
      for (const [at, byte] of changes) copy[at % copy.length] = byte;
      return cut % 3 === 0 ? copy.subarray(0, cut % (copy.length + 1)) : copy;
    });
  const noise = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.array(fc.oneof(mutated, noise), { maxLength: 20 }), (messages) => {
      const { feed } = decoder();
      feed(relation(COLUMNS));
      for (const message of messages) {
        try {
          feed(message);
        } catch (error) {
          if (!isMillraceError(error)) throw error;
          expect(error).toMatchObject({ code: 'replication_failed', retryable: false });
        }
      }
    }),
    { numRuns: 2_000 },
  );
});
