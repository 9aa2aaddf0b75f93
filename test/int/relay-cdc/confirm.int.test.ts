import pg from 'pg';
import { expect, test } from 'vitest';
import { header } from '../../../events/headers.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { TestBroker } from './broker.ts';
import { insertRows, numbered, RelayFixture } from './fixture.ts';

/** A gate that lets through what the test lets through, and holds the rest for ever. */
function holdingAfter(broker: TestBroker, messages: number): void {
  broker.gate = async () => {
    if (broker.seen.length >= messages) await new Promise<never>(() => undefined);
  };
}

test('of two adjacent commits of which the first is confirmed, the second is delivered after a crash', async () => {
  await using fixture = await RelayFixture.create();
  for (let round = 0; round < 10; round += 1) {
    const broker = new TestBroker();
    const relay = await fixture.lead({ broker, env: { WE_RELAY_BATCH_MESSAGES: '1' } });
    holdingAfter(broker, 1);
    await commitAdjacent(fixture, [`a-${round}`, `b-${round}`]);
    await waitFor(async () => broker.seen.length === 1 && (await fixture.outboxRows()) === 1, {
      within: 10_000,
    });
    const before = await fixture.confirmed();
    await crash(fixture, relay);
    const after = new TestBroker();
    const next = await fixture.lead({ broker: after });
    await waitFor(async () => after.seen.length >= 1 && (await fixture.outboxRows()) === 0, {
      within: 10_000,
    });
    expect(new Set([...broker.values(), ...after.values()]), `confirmed at ${before}`).toEqual(
      new Set([`a-${round}`, `b-${round}`]),
    );
    await next.stop();
  }
});

test('while publishing is blocked nothing of it is confirmed, the session lives on, and a crash loses nothing', async () => {
  await using fixture = await RelayFixture.create();
  const broker = new TestBroker();
  const relay = await fixture.lead({ broker });
  const { promise: held, resolve } = Promise.withResolvers<string>();
  broker.gate = ([record]) => {
    const lsn = record?.headers.find(({ name }) => name === header.commitLsn);
    resolve(lsn?.value.toString() ?? '');
    return new Promise(() => undefined);
  };
  await insertRows(fixture.pool, ['blocked']);
  const commit = await held;
  const pid = await walsender(fixture);
  // Longer than the server waits for a sign of life, and with a log that grows, which a careless session would confirm.
  const until = performance.now() + 12_000;
  let violations = 0;
  await waitFor(
    async () => {
      await fixture.pool.query('update relay_state set updated_at = clock_timestamp()');
      if (await isConfirmedBeyond(fixture, commit)) violations += 1;
      return performance.now() > until;
    },
    { within: 20_000 },
  );
  expect(violations).toBe(0);
  expect(await walsender(fixture)).toBe(pid);
  await crash(fixture, relay);
  const after = await fixture.lead();
  await waitFor(() => after.broker.seen.length > 0, { within: 10_000 });
  expect(after.broker.values()).toContain('blocked');
});

test('a transaction that commits after a confirmed keepalive is delivered', async () => {
  await using fixture = await RelayFixture.create();
  const relay = await fixture.lead();
  const open = await fixture.pool.connect();
  try {
    await open.query('begin');
    await insertRows(open, ['late']);
    const before = await fixture.confirmed();
    await waitFor(async () => (await fixture.confirmed()) !== before, {
      within: 10_000,
      what: 'a keepalive',
    });
    relay.broker.gate = () => new Promise(() => undefined);
    await open.query('commit');
  } finally {
    open.release();
  }
  await crash(fixture, relay);
  const after = await fixture.lead();
  await waitFor(() => after.broker.seen.length > 0, { within: 10_000 });
  expect(after.broker.values()).toEqual(['late']);
});

test('on an idle outbox the slot follows the log that others write', async () => {
  await using fixture = await RelayFixture.create();
  await fixture.lead();
  await fixture.pool.query('create table other (text text)');
  await fixture.pool.query(`insert into other select repeat('x', 1000) from generate_series(1, 5000)`);
  const { rows } = await fixture.pool.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
  await waitFor(
    async () => {
      const ahead = await fixture.pool.query<{ ahead: boolean }>(
        'select confirmed_flush_lsn >= $2::pg_lsn as ahead from pg_replication_slots where slot_name = $1',
        [fixture.slot, rows[0]?.lsn],
      );
      return ahead.rows[0]?.ahead;
    },
    { within: 10_000, what: 'the slot to move' },
  );
});

test('a publish that fails ends the term, and everything unacknowledged comes again in order', async () => {
  await using fixture = await RelayFixture.create();
  const broker = new TestBroker();
  await fixture.lead({ broker, env: { WE_RELAY_BATCH_MESSAGES: '10' } });
  let failuresLeft = 3;
  broker.gate = async () => {
    if (broker.seen.length >= 30 && failuresLeft > 0) {
      failuresLeft -= 1;
      throw new Error('the broker is away');
    }
  };
  await insertRows(fixture.pool, numbered('a', 100));
  await waitFor(async () => broker.seen.length >= 100 && (await fixture.outboxRows()) === 0, {
    within: 15_000,
  });
  const firsts = [...new Set(broker.values())];
  expect(firsts).toEqual(numbered('a', 100));
  expect(broker.connects).toBe(4);
  expect(broker.open).toBe(1);
});

/** Two sessions that commit at one moment: their commit records often touch in the log. */
async function commitAdjacent(fixture: RelayFixture, values: readonly string[]): Promise<void> {
  const clients = await Promise.all(
    values.map(async (value) => {
      const client = new pg.Client({ connectionString: fixture.db.dsn });
      await client.connect();
      await client.query('begin');
      await insertRows(client, [value]);
      return client;
    }),
  );
  await Promise.all(clients.map((client) => client.query('commit')));
  await Promise.all(clients.map((client) => client.end()));
}

/** What a crash is to the database: the sessions of the relay are gone, and it has had no say in it. */
async function crash(fixture: RelayFixture, relay: { stop(): Promise<void> }): Promise<void> {
  const pid = await walsender(fixture);
  const stopped = relay.stop();
  await fixture.pool.query('select pg_terminate_backend($1::integer)', [pid]);
  await stopped;
}

async function isConfirmedBeyond(fixture: RelayFixture, lsn: string): Promise<boolean> {
  const { rows } = await fixture.pool.query<{ beyond: boolean }>(
    'select confirmed_flush_lsn > $2::pg_lsn as beyond from pg_replication_slots where slot_name = $1',
    [fixture.slot, lsn],
  );
  return rows[0]?.beyond ?? true;
}

async function walsender(fixture: RelayFixture): Promise<number | null> {
  const { rows } = await fixture.pool.query<{ pid: number | null }>(
    'select active_pid as pid from pg_replication_slots where slot_name = $1',
    [fixture.slot],
  );
  return rows[0]?.pid ?? null;
}
