import { describe, expect, test } from 'vitest';
import type { PostgresVersion } from '../../cli/dev/backends/postgres-binaries.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { insertRows, isStreaming, numbered } from '../int/relay-cdc/fixture.ts';
import { checkHistory } from './history.ts';
import { OwnPostgres } from './own-postgres.ts';
import { Workload } from './workload.ts';

const CRASHES = 3;
/** What was published and not cleared (4,000 messages), and one batch (2,000). */
const DUPLICATES_PER_CRASH = 6_000;
const REBUILDS = 'workflow_engine_dispatch_relay_rebuilds_total';

describe.each<PostgresVersion>([15, 17, 18])('on PostgreSQL %i', (version) => {
  test('a crash of the server loses nothing and repeats little', { timeout: 90_000 }, async () => {
    await using server = await OwnPostgres.start({ version });
    const { fixture } = server;
    const { broker } = await fixture.lead();
    await using work = new Workload({ dsn: () => server.dsn });
    for (let round = 0; round < CRASHES; round += 1) {
      work.start();
      const before = broker.seen.length;
      await waitFor(() => broker.seen.length > before + 300, { within: 30_000 });
      await server.crash();
      await work.stop();
    }
    await work.burst(10);
    await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 30_000 });
    const promises = { duplicates: CRASHES * DUPLICATES_PER_CRASH, left: await fixture.outboxRows() };
    checkHistory(work.written, broker.seen, promises);
  });

  test('a slot that the server invalidates is made anew once, and nothing is lost', {
    timeout: 90_000,
  }, async () => {
    const settings = { max_slot_wal_keep_size: '1MB', max_wal_size: '32MB', min_wal_size: '32MB' };
    await using server = await OwnPostgres.start({ version, settings });
    const { fixture } = server;
    const relay = await fixture.lead();
    await insertRows(fixture.pool, numbered('before', 10));
    await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 10_000 });
    await relay.stop();
    await insertRows(fixture.pool, numbered('meanwhile', 100));
    await invalidate(server);
    const next = await fixture.lead();
    await insertRows(fixture.pool, numbered('after', 10));
    await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 20_000 });
    expect(next.broker.values()).toEqual([...numbered('meanwhile', 100), ...numbered('after', 10)]);
    expect(await next.metric(REBUILDS)).toBe(1);
    expect(isStreaming(next)).toBe(true);
  });

  test('the slot can follow a failover where the server knows how', { timeout: 60_000 }, async () => {
    await using server = await OwnPostgres.start({ version });
    const { fixture } = server;
    await fixture.lead();
    const { rows } = await fixture.pool.query('select to_jsonb(s) as slot from pg_replication_slots s');
    expect(rows[0]?.slot.failover).toBe(version >= 17 ? true : undefined);
  });
});

/** Writes more log than the slot may keep, until the server gives the slot up. */
async function invalidate(server: OwnPostgres): Promise<void> {
  await server.asSuperuser('create table if not exists filler (text text)');
  await waitFor(
    async () => {
      await server.asSuperuser(`insert into filler select repeat('x', 1000) from generate_series(1, 20000)`);
      await server.asSuperuser('select pg_switch_wal()');
      await server.asSuperuser('checkpoint');
      const { rows } = await server.fixture.pool.query<{ status: string }>(
        'select wal_status as status from pg_replication_slots',
      );
      return rows[0]?.status === 'lost';
    },
    { within: 60_000, what: 'the slot to be invalidated' },
  );
}
