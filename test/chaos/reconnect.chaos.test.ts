import { expect, test } from 'vitest';
import { createDatabase } from '../helpers/database.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { TestBroker } from '../int/relay-cdc/broker.ts';
import { insertRows, isStreaming, numbered, RelayFixture } from '../int/relay-cdc/fixture.ts';
import { checkHistory } from './history.ts';
import { Workload } from './workload.ts';

const CUTS = Number(process.env['WE_CHAOS_CUTS'] ?? 15);
const DUPLICATES_PER_CUT = 6_000;
/** What another database writes while ours rests, and what the slot may hold back of it. */
const FOREIGN_MEBIBYTES = Number(process.env['WE_CHAOS_FOREIGN_MEBIBYTES'] ?? 60);
const RETAINED_BYTES = 32 * 1024 * 1024;

async function drained(fixture: RelayFixture): Promise<void> {
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 60_000, what: 'an empty outbox' });
}

async function cutStream(fixture: RelayFixture): Promise<boolean> {
  const { rowCount } = await fixture.pool.query(
    'select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active_pid is not null',
    [fixture.slot],
  );
  return rowCount === 1;
}

test('a stream that is cut again and again with much unacknowledged loses nothing', {
  timeout: 60_000 + CUTS * 20_000,
}, async () => {
  await using fixture = await RelayFixture.create();
  const broker = new TestBroker();
  await fixture.lead({ broker });
  await using work = new Workload({ dsn: () => fixture.db.dsn, connections: 3 });
  for (let cut = 0; cut < CUTS; cut += 1) {
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    broker.gate = () => held;
    await work.burst(30);
    await waitFor(() => cutStream(fixture), { within: 20_000, what: 'the stream to be cut' });
    release();
  }
  await work.burst(30);
  await drained(fixture);
  const promises = { duplicates: CUTS * DUPLICATES_PER_CUT, left: await fixture.outboxRows() };
  checkHistory(work.written, broker.seen, promises);
  expect(broker.open).toBe(1);
});

test('a long transaction around many short ones comes whole and in the place of its commit, restarts in between', {
  timeout: 60_000,
}, async () => {
  await using fixture = await RelayFixture.create();
  const broker = new TestBroker();
  let relay = await fixture.lead({ broker });
  const long = await fixture.pool.connect();
  try {
    await long.query('begin');
    for (const part of ['a', 'b', 'c']) {
      await insertRows(long, numbered(`long-${part}`, 20));
      await insertRows(fixture.pool, numbered(`short-${part}`, 20));
      await waitFor(() => broker.values().includes(`short-${part}-19`), { within: 20_000 });
      await relay.stop();
      relay = await fixture.lead({ broker });
    }
    await long.query('commit');
  } finally {
    long.release();
  }
  await insertRows(fixture.pool, ['last']);
  await drained(fixture);
  const wanted = ['short', 'long'].flatMap((which) =>
    ['a', 'b', 'c'].flatMap((part) => numbered(`${which}-${part}`, 20)),
  );
  expect([...new Set(broker.values())]).toEqual([...wanted, 'last']);
});

test('while another database writes and ours rests, the slot holds little of the log back', {
  timeout: 120_000,
}, async () => {
  await using fixture = await RelayFixture.create();
  await using other = await createDatabase({ migrate: false });
  const relay = await fixture.lead();
  await other.pool().query('create table filler (text text)');
  for (let written = 0; written < FOREIGN_MEBIBYTES; written += 10) {
    await other.pool().query(`insert into filler select repeat('x', 1000) from generate_series(1, 10000)`);
  }
  await waitFor(
    async () => {
      const { rows } = await fixture.pool.query<{ retained: number }>(
        `select pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::float8 as retained
        from pg_replication_slots where slot_name = $1`,
        [fixture.slot],
      );
      return (rows[0]?.retained ?? RETAINED_BYTES) < RETAINED_BYTES;
    },
    { within: 60_000, what: 'the slot to follow' },
  );
  expect(isStreaming(relay)).toBe(true);
});
