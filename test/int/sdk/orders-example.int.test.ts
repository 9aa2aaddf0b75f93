import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPostgresRecordStore } from '../../../adapters/postgres/record-store.ts';
import type { StepId } from '../../../events/ids.ts';
import { placeOrder } from '../../../examples/orders/place-order.ts';
import { createDatabase, type TestDatabase } from '../../helpers/database.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
  await createPostgresRecordStore(database.pool()).registerTypes(['charge', 'ship'] as StepId[]);
  await database.pool().query('create table orders (id integer primary key, customer text, cents integer)');
});
afterAll(() => database.drop());

test('an order and its charge are there together or not at all', async () => {
  const client = await database.pool().connect();
  try {
    const job = await placeOrder(client, { id: 7, customer: 'ada', cents: 1_300 });
    await expect(placeOrder(client, { id: 7, customer: 'ada', cents: 9 })).rejects.toMatchObject({
      code: '23505',
    });
    const { rows } = await client.query('select id::text, partition_key, payload from jobs');
    expect(rows).toEqual([{ id: job, partition_key: 'ada', payload: { order: 7, cents: 1_300 } }]);
    expect((await client.query('select id from orders')).rows).toEqual([{ id: 7 }]);
  } finally {
    client.release();
  }
});
