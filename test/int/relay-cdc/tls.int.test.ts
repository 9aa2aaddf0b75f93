import { expect, test } from 'vitest';
import { OwnPostgres } from '../../chaos/own-postgres.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { insertRows, numbered, packOf, RelayFixture, TOPIC } from './fixture.ts';

test('a stream over TLS brings every row, the large ones too, through breaks in reading', async () => {
  await using own = await OwnPostgres.start({});
  const caPath = await own.speakTls();
  const over = new URL(own.dsn);
  over.searchParams.set('sslmode', 'verify-full');
  over.searchParams.set('sslrootcert', caPath);
  await using fixture = RelayFixture.on(own.through(over.href));
  // Less than two of the large rows: reading stops and goes on all the time.
  const { broker } = await fixture.lead({ env: { WE_RELAY_UNACKED_MIB: '1' } });
  const { rows: sessions } = await own.fixture.pool.query(
    'select ssl.version from pg_stat_replication join pg_stat_ssl as ssl using (pid)',
  );
  expect(sessions).toEqual([{ version: 'TLSv1.3' }]);
  const large = numbered('large-', 6).map((name) => name.padEnd(900_000, '.'));
  await insertRows(fixture.pool, numbered('small-', 500));
  for (const value of large) {
    await fixture.pool.query(
      'insert into dispatch_outbox (topic, message_count, messages) values ($1, 1, $2)',
      [TOPIC, packOf([value])],
    );
  }
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 60_000 });
  expect(broker.values()).toEqual([...numbered('small-', 500), ...large]);
});
