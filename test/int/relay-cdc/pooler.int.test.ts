import { expect, test } from 'vitest';
import { findPooling } from '../../../adapters/postgres/pooler.ts';
import { stand } from '../../../relay-cdc/relay.ts';
import { ReplicationConnection } from '../../../relay-cdc/replication-connection.ts';
import { createDatabase } from '../../helpers/database.ts';
import { startTransactionPooler } from '../../helpers/transaction-pooler.ts';

test('the relay refuses a pooler in transaction mode every time, busy or idle', async () => {
  await using db = await createDatabase();
  const url = new URL(db.dsn);
  await using pooler = await startTransactionPooler({ host: url.hostname, port: Number(url.port) });
  url.port = String(pooler.port);
  // The first has the pool to itself, so that all of its statements run in one session.
  for (let attempt = 0; attempt < 20; attempt += 1) {
    await expect(stand({ dsn: url.href }, 'slot', 'relay')).rejects.toMatchObject({
      code: 'configuration',
      message: expect.stringContaining('point WE_POSTGRES_DSN of the relay at PostgreSQL itself'),
    });
  }
  expect(await findPooling(url.href)).toBe('transaction');
});

test('PostgreSQL itself is taken for no pooler', async () => {
  await using db = await createDatabase();
  const connection = await ReplicationConnection.open(db);
  await connection.close();
  expect(await findPooling(db.dsn)).toBe('none');
});
