import { expect, test } from 'vitest';
import {
  byteaArray,
  intArray,
  jsonArray,
  textArray,
  timestamptzArray,
  uuidArray,
} from '../../../../adapters/postgres/binary-array.ts';
import { createDatabase } from '../../../helpers/database.ts';

const ID = '0190c0de-0000-7000-8000-00000000abcd';
const AT = new Date('1969-12-31T23:59:59.999Z');

test('PostgreSQL reads every kind of binary array, nulls and a column without values included', async () => {
  await using database = await createDatabase({ migrate: false });
  const { rows } = await database.pool().query(
    `select * from unnest(
       $1::uuid[], $2::text[], $3::json[], $4::integer[], $5::timestamptz[], $6::bytea[], $7::text[]
     ) as t (id, text, json, int, at, bytes, none)`,
    [
      uuidArray([ID, undefined, ID]),
      textArray(['', 'q"\\{}, null', 'ü€🙂']),
      jsonArray(['{"b":1,"a":12345678901234567890}', undefined, '"x"']),
      intArray([-2_147_483_648, 2_147_483_647, undefined]),
      timestamptzArray([AT, new Date('2026-01-01T00:00:00.123Z'), undefined]),
      byteaArray([Buffer.from([0, 255]), Buffer.alloc(0), undefined]),
      textArray([undefined, undefined, undefined]),
    ],
  );
  expect(rows).toEqual([
    {
      id: ID,
      text: '',
      // biome-ignore lint/correctness/noPrecisionLoss: what pg's own JSON parser makes of the text
      json: { b: 1, a: 12345678901234567890 },
      int: -2_147_483_648,
      at: AT,
      bytes: Buffer.from([0, 255]),
      none: null,
    },
    {
      id: null,
      text: 'q"\\{}, null',
      json: null,
      int: 2_147_483_647,
      at: new Date('2026-01-01T00:00:00.123Z'),
      bytes: Buffer.alloc(0),
      none: null,
    },
    { id: ID, text: 'ü€🙂', json: 'x', int: null, at: null, bytes: null, none: null },
  ]);
});
