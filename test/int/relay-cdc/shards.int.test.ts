import { expect, test } from 'vitest';
import { shardKey } from '../../../adapters/postgres/packs.ts';
import { createPostgresRecordStore } from '../../../adapters/postgres/record-store.ts';
import type { StepId } from '../../../events/ids.ts';
import type { Readiness } from '../../../relay-cdc/status.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { TestBroker } from './broker.ts';
import { numbered, RelayFixture } from './fixture.ts';
import { firstCopies, KeyedWriter, type ShardedRelay, startSharded } from './sharded.ts';

const KEYS = numbered('key', 24);
const [ofFirst = '', ofSecond = ''] = [0, 1].map((shard) => KEYS.find((key) => shardOf(key) === shard));

function shardOf(key: string): number {
  return shardKey(Buffer.from(key)) % 2;
}

async function withTypes(): Promise<RelayFixture> {
  const fixture = await RelayFixture.create();
  await createPostgresRecordStore(fixture.pool).registerTypes(['send-email' as StepId]);
  return fixture;
}

/** Each relay is up: it leads or stands by for every shard, and what it leads streams. */
function allStream(...relays: readonly ShardedRelay[]): Promise<boolean> {
  const states = (): Readiness[] => relays.flatMap(({ shards }) => shards.map(({ status }) => status.get()));
  const led = (): number => states().filter(({ role }) => role === 'leader').length;
  const wanted = relays[0]?.shards.length;
  return waitFor(() => states().every(({ ready }) => ready) && led() === wanted, { within: 15_000 });
}

async function cleared(fixture: RelayFixture): Promise<void> {
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 20_000, what: 'an empty outbox' });
}

async function terms(fixture: RelayFixture): Promise<Record<string, number>> {
  const { rows } = await fixture.pool.query<{ slot_name: string; term: string }>(
    'select slot_name, term::text as term from relay_state order by slot_name',
  );
  return Object.fromEntries(rows.map(({ slot_name, term }) => [slot_name, Number(term)]));
}

test('two shards share the outbox: each key goes through one, in order, and everything is cleared', async () => {
  await using fixture = await withTypes();
  const broker = new TestBroker();
  await using relay = await startSharded(fixture, { shards: 2, broker });
  await allStream(relay);
  const writer = new KeyedWriter(fixture);
  for (let round = 0; round < 20; round += 1) await writer.write([...KEYS, ...KEYS]);
  await cleared(fixture);
  expect(firstCopies(broker)).toEqual(writer.accepted);
  expect(broker.seen).toHaveLength(20 * 2 * KEYS.length);
  const page = await relay.metricsPage();
  for (const shard of [0, 1]) {
    const keys = KEYS.filter((key) => shardOf(key) === shard).length;
    expect(page).toContain(
      `workflow_engine_dispatch_relay_publish_total{result="success",shard="${shard}"} ${20 * 2 * keys}`,
    );
    expect(page).toContain(`workflow_engine_dispatch_relay_leader{shard="${shard}"} 1`);
  }
});

test('when the leader of one shard loses its connection the other goes on, and the shard is taken over', async () => {
  await using fixture = await withTypes();
  const broker = new TestBroker();
  await using one = await startSharded(fixture, { shards: 2, broker });
  await using two = await startSharded(fixture, { shards: 2, broker });
  await allStream(one, two);
  const before = await terms(fixture);
  const writer = new KeyedWriter(fixture);
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  broker.gate = (records) =>
    records.some(({ key }) => key.toString() === ofFirst) ? released : Promise.resolve();
  await writer.write([ofFirst]);
  await waitFor(async () => (await fixture.outboxRows()) === 1, { within: 15_000 });
  await fixture.pool.query(
    'select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1',
    [`${fixture.slot}_0of2`],
  );
  await writer.write([ofSecond, ofSecond]);
  await waitFor(() => firstCopies(broker).get(ofSecond)?.length === 2, { within: 15_000 });
  expect(firstCopies(broker).get(ofFirst)).toBeUndefined();
  release();
  await cleared(fixture);
  expect(firstCopies(broker)).toEqual(writer.accepted);
  const after = await terms(fixture);
  expect(after[`${fixture.slot}_0of2`]).toBeGreaterThan(before[`${fixture.slot}_0of2`] ?? 0);
  expect(after[`${fixture.slot}_1of2`]).toBe(before[`${fixture.slot}_1of2`]);
});

test('two replicas share the shards, and one takes over those of the other', async () => {
  await using fixture = await withTypes();
  const broker = new TestBroker();
  // Slow to come back, so that the other one is the next to lead.
  const env = { WE_RELAY_BACKOFF_MIN: '5s', WE_RELAY_BACKOFF_MAX: '5s' };
  await using one = await startSharded(fixture, { shards: 2, broker, env });
  await using two = await startSharded(fixture, { shards: 2, broker });
  await allStream(one, two);
  await fixture.pool.query(
    'select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1',
    [`${fixture.slot}_0of2`],
  );
  const roles = (relay: ShardedRelay): string[] => relay.shards.map(({ status }) => status.get().role);
  await waitFor(() => roles(two)[0] === 'leader' && roles(one)[1] === 'leader', { within: 10_000 });
  await one.stop();
  await waitFor(() => roles(two).every((role) => role === 'leader'), { within: 10_000 });
  const writer = new KeyedWriter(fixture);
  await writer.write(KEYS);
  await cleared(fixture);
  expect(firstCopies(broker)).toEqual(writer.accepted);
});

test('a change of their number under load loses nothing, repeats nothing and keeps the order of each key', async () => {
  await using fixture = await withTypes();
  const broker = new TestBroker();
  const writer = new KeyedWriter(fixture);
  const written = new AbortController();
  const writing = (async () => {
    while (!written.signal.aborted) await writer.write(KEYS);
  })();
  writing.catch(() => undefined);
  for (const shards of [1, 2, 3, 1]) {
    await using relay = await startSharded(fixture, { shards, broker });
    await allStream(relay);
    const seen = broker.seen.length;
    await waitFor(() => broker.seen.length > seen + 200, { within: 10_000 });
  }
  written.abort();
  await writing;
  await using relay = await startSharded(fixture, { shards: 1, broker });
  await allStream(relay);
  await cleared(fixture);
  expect(firstCopies(broker)).toEqual(writer.accepted);
  expect(broker.seen).toHaveLength([...writer.accepted.values()].flat().length);
  // Nothing is left of the other numbers that would hold back the log.
  const { rows } = await fixture.pool.query(
    `select slot_name from pg_replication_slots where starts_with(slot_name, $1)`,
    [fixture.slot],
  );
  expect(rows).toEqual([{ slot_name: fixture.slot }]);
  expect(Object.keys(await terms(fixture))).toEqual([fixture.slot]);
});

test('a relay of another number is refused while one is at work, and nothing changes', async () => {
  await using fixture = await withTypes();
  const broker = new TestBroker();
  await using relay = await startSharded(fixture, { shards: 2, broker });
  await allStream(relay);
  await expect(startSharded(fixture, { shards: 3, broker, patienceMs: 0 })).rejects.toThrow(
    /WE_RELAY_SHARDS is 3, and another relay is at work with 2 .*Stop every relay that has another number/,
  );
  const writer = new KeyedWriter(fixture);
  await writer.write(KEYS);
  await cleared(fixture);
  expect(firstCopies(broker)).toEqual(writer.accepted);
});

test('a relay with the former number that comes to lead ends, and publishes nothing', async () => {
  await using fixture = await withTypes();
  const former = new TestBroker();
  const broker = new TestBroker();
  await using relay = await startSharded(fixture, { shards: 2, broker });
  await allStream(relay);
  const late = await fixture.start({ broker: former });
  await expect(late.ended).rejects.toThrow(
    'The number of shards was changed to 2, and this relay runs with 1',
  );
  expect(former.seen).toEqual([]);
});

test('a change that was broken off is finished by the next start', async () => {
  await using fixture = await withTypes();
  const writer = new KeyedWriter(fixture);
  await writer.write(KEYS);
  const broken = new TestBroker();
  broken.gate = () => Promise.reject(new Error('the broker is away'));
  await expect(startSharded(fixture, { shards: 2, broker: broken })).rejects.toThrow('the broker is away');
  await writer.write(KEYS);
  const broker = new TestBroker();
  await using relay = await startSharded(fixture, { shards: 2, broker });
  await allStream(relay);
  await writer.write(KEYS);
  await cleared(fixture);
  expect(firstCopies(broker)).toEqual(writer.accepted);
});
