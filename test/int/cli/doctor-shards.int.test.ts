import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { examine } from '../../../cli/doctor/examine.ts';
import type { Finding, Mend } from '../../../cli/doctor/finding.ts';
import { createDatabase, type TestDatabase } from '../../helpers/database.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { TestBroker } from '../relay-cdc/broker.ts';
import { RelayFixture } from '../relay-cdc/fixture.ts';
import { startSharded } from '../relay-cdc/sharded.ts';

const SHARDS = 3;
let db: TestDatabase;
let fixture: RelayFixture;

beforeAll(async () => {
  db = await createDatabase();
  fixture = RelayFixture.on(db);
  await using relay = await startSharded(fixture, { shards: SHARDS, broker: new TestBroker() });
  const stream = () =>
    relay.shards.every(({ status }) => status.get().role === 'leader' && status.get().ready);
  await waitFor(stream, { within: 30_000, what: 'every shard to stream' });
  await waitFor(async () => (await trouble(/^(slot|publication|relay_shards)/)).length === 0, {
    within: 30_000,
    what: 'the doctor to find every shard of a running relay in order',
  });
});

afterAll(async () => fixture?.[Symbol.asyncDispose]());

async function find(check: RegExp, shards = SHARDS, mode = 'kafka_outbox'): Promise<Finding[]> {
  const env = {
    ...fixture.env(),
    WE_DISPATCH_MODE: mode,
    WE_RELAY_SHARDS: String(shards),
    WE_KAFKA_TRANSPORT: 'plaintext',
    WE_KAFKA_SEED_BROKERS: '127.0.0.1:1',
  };
  const findings = await examine(env, { standbys: [], steps: [] });
  return findings.filter((finding) => check.test(finding.check));
}

async function trouble(check: RegExp, shards?: number, mode?: string): Promise<Finding[]> {
  return (await find(check, shards, mode)).filter(({ state }) => state !== 'ok');
}

/** As a superuser. */
async function run(mend: Mend | undefined): Promise<void> {
  expect(mend?.in).toBe('psql');
  const client = new pg.Client({ connectionString: db.adminDsn });
  await client.connect();
  for (const statement of mend?.run ?? []) await client.query(statement);
  await client.end();
}

const slotOf = (index: number, of = SHARDS): string => `${fixture.slot}_${index}of${of}`;
const publicationOf = (index: number): string => `millrace_outbox_${index}of${SHARDS}`;

test('each shard has its publication and its slot looked at, and the whole outbox has none', async () => {
  const checks = new Set((await find(/^(slot|publication|relay_shards)/)).map(({ check }) => check));
  const expected = [0, 1, 2].flatMap((index) => [
    `publication ${publicationOf(index)}`,
    `slot ${slotOf(index)}`,
  ]);
  expect([...checks]).toEqual(['relay_shards', ...expected]);
});

test.each([
  ['is gone', (name: string) => `drop publication ${name}`],
  ['shows every row', (name: string) => `alter publication ${name} set table dispatch_outbox`],
  [
    "shows another shard's rows",
    (name: string) =>
      `alter publication ${name} set table dispatch_outbox where (shard_key::integer % 3 = 0)`,
  ],
])('the publication of one shard that %s, until it is mended as printed', async (_, breaking) => {
  await run({ in: 'psql', run: [breaking(publicationOf(1))] });
  const found = await trouble(/^publication/);
  expect(found).toMatchObject([{ check: `publication ${publicationOf(1)}`, state: 'failure' }]);
  await run(found[0]?.mend);
  expect(await trouble(/^publication/)).toEqual([]);
});

test('the slot of one shard that was dropped is told, and those that nobody reads', async () => {
  await db.pool().query('select pg_drop_replication_slot($1)', [slotOf(2)]);
  const found = await trouble(/^slot/);
  expect(found.map(({ check, says }) => [check, says.split(';')[0]])).toEqual([
    [`slot ${slotOf(0)}`, 'No relay reads the slot'],
    [`slot ${slotOf(1)}`, 'No relay reads the slot'],
    [`slot ${slotOf(2)}`, 'There is no slot any more'],
  ]);
  await db.pool().query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [slotOf(2)]);
});

test('another number than the one at work is told, and the shards at work are looked at all the same', async () => {
  const [number, ...others] = await trouble(/^(relay_shards|publication)/, 2);
  expect(number).toMatchObject({ check: 'relay_shards', state: 'warning' });
  expect(number?.mend?.run).toEqual(['WE_RELAY_SHARDS=2 npx millrace relay']);
  expect(others).toEqual([]);
});

test('a change of the number that was broken off is told', async () => {
  await db.pool().query('update millrace_settings set resharding = true');
  const found = await trouble(/^relay_shards/);
  expect(found).toMatchObject([{ state: 'warning', says: expect.stringContaining('not finished') }]);
  await db.pool().query('update millrace_settings set resharding = false');
});

test('a slot of another number is a leftover, and so is every one without a relay, until they are dropped', async () => {
  await db.pool().query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [slotOf(4, 5)]);
  const [left] = await trouble(/^slot .*of5/);
  expect(left).toMatchObject({ state: 'warning', says: expect.stringContaining('left a slot behind') });
  const unread = await trouble(/^slot/, 1, 'polling');
  expect(unread.map(({ check }) => check)).toEqual(
    [slotOf(0), slotOf(1), slotOf(2), slotOf(4, 5)].map((slot) => `slot ${slot}`),
  );
  for (const { mend } of unread) await run(mend);
  expect(await trouble(/^slot/, 1, 'polling')).toEqual([]);
});
