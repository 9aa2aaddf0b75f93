import { expect, test } from 'vitest';
import { waitFor } from '../../helpers/wait-for.ts';
import { TestBroker } from './broker.ts';
import { insertRows, isStreaming, numbered, packOf, RelayFixture, TOPIC } from './fixture.ts';

// The alternative session keeps the promises of the port, with the same relay around it.
const env = { WE_RELAY_SESSION: 'pg-logical-replication' };

test('rows are published in commit order and cleared; large ones byte for byte', async () => {
  await using fixture = await RelayFixture.create();
  const { broker } = await fixture.lead({ env });
  const large = 'x'.repeat(500_000);
  await insertRows(fixture.pool, numbered('a', 300));
  await fixture.pool.query(
    'insert into dispatch_outbox (topic, message_count, messages) values ($1, 2, $2)',
    [TOPIC, packOf([large, 'after'])],
  );
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 10_000 });
  expect(broker.values()).toEqual([...numbered('a', 300), large, 'after']);
});

test('nothing is confirmed that the broker has not acknowledged, and it comes again', async () => {
  await using fixture = await RelayFixture.create();
  const broker = new TestBroker();
  const relay = await fixture.lead({ env: { ...env, WE_RELAY_BATCH_MESSAGES: '1' }, broker });
  broker.gate = async () => {
    if (broker.seen.length >= 3) await new Promise<never>(() => undefined);
  };
  for (const value of numbered('a', 6)) await insertRows(fixture.pool, [value]);
  await waitFor(async () => broker.seen.length === 3 && (await fixture.outboxRows()) === 3, {
    within: 10_000,
  });
  const stopped = relay.stop();
  await fixture.pool.query(
    'select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1',
    [fixture.slot],
  );
  await stopped;
  const next = await fixture.lead({ env });
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 10_000 });
  expect(new Set([...broker.values(), ...next.broker.values()])).toEqual(new Set(numbered('a', 6)));
  expect(next.broker.values()).toEqual(expect.arrayContaining(['a-3', 'a-4', 'a-5']));
});

test('a hand-over repeats nothing, under load', async () => {
  await using fixture = await RelayFixture.create();
  const first = await fixture.lead({ env });
  const second = await fixture.start({ env });
  await insertRows(fixture.pool, numbered('a', 3_000));
  await waitFor(() => first.broker.seen.length > 0, { within: 10_000 });
  await first.stop();
  await insertRows(fixture.pool, numbered('b', 100));
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 10_000 });
  expect([...first.broker.values(), ...second.broker.values()]).toEqual([
    ...numbered('a', 3_000),
    ...numbered('b', 100),
  ]);
});

test('reading pauses when too much is not acknowledged', async () => {
  await using fixture = await RelayFixture.create();
  const broker = new TestBroker();
  const relay = await fixture.lead({ env: { ...env, WE_RELAY_UNACKED_MIB: '1' }, broker });
  let most = 0;
  broker.gate = async () => {
    most = Math.max(most, await relay.metric('workflow_engine_dispatch_relay_unacked_bytes'));
  };
  await fixture.pool.query(
    'insert into dispatch_outbox (topic, message_count, messages) select $1, 1, $2 from generate_series(1, 20000)',
    [TOPIC, packOf(['x'.repeat(300)])],
  );
  await waitFor(async () => broker.seen.length === 20_000 && (await fixture.outboxRows()) === 0, {
    within: 20_000,
  });
  expect(most).toBeLessThan(2 * 1024 * 1024);
});

test('the loss of either connection ends the term, and the next one goes on', async () => {
  await using fixture = await RelayFixture.create();
  const relay = await fixture.lead({ env });
  for (const value of numbered('a', 3)) {
    await fixture.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and backend_type = 'walsender' and state ${value === 'a-1' ? '=' : '<>'} 'idle'`,
    );
    await insertRows(fixture.pool, [value]);
    await waitFor(async () => isStreaming(relay) && (await fixture.outboxRows()) === 0, { within: 10_000 });
  }
  expect([...new Set(relay.broker.values())]).toEqual(numbered('a', 3));
});
