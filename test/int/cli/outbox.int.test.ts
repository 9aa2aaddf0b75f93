import { afterAll, beforeAll, expect, test } from 'vitest';
import { millrace } from '../../e2e/millrace.ts';
import { createDatabase, type TestDatabase } from '../../helpers/database.ts';
import { failOnLeftoverProcesses } from '../../helpers/leaks.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { insertRows, RelayFixture } from '../relay-cdc/fixture.ts';

failOnLeftoverProcesses();

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});

afterAll(() => database.drop());

function outbox(...args: string[]) {
  return millrace(['outbox', ...args], { env: { WE_POSTGRES_DSN: database.dsn } });
}

async function fill(): Promise<void> {
  await database
    .pool()
    .query(`insert into dispatch_outbox (topic, message_count, messages) values ('t', 3, ''), ('t', 1, '')`);
}

async function reached({ pool }: TestDatabase): Promise<string | null> {
  const { rows } = await pool().query<{ number: string | null }>(
    'select dispatched_number::text as number from relay_state',
  );
  return rows[0]?.number ?? null;
}

test('status tells how many jobs wait in how many rows', async () => {
  await fill();
  const status = outbox('status', '--json');
  expect(await status.ended).toBe(0);
  expect(JSON.parse(status.output())).toMatchObject({ rows: 2, messages: 4 });
  await database.pool().query('delete from dispatch_outbox');
  const empty = outbox('status');
  expect(await empty.ended).toBe(0);
  expect(empty.output()).toBe('the outbox is empty\n');
});

test('with an outbox of messages it is the log that waits for the relay', async () => {
  await using db = await createDatabase();
  const fixture = RelayFixture.on(db);
  const drain = (...args: string[]) =>
    millrace(['outbox', 'drain', ...args], { env: { WE_POSTGRES_DSN: db.dsn } });
  await db.pool().query('alter table dispatch_outbox enable trigger dispatch_outbox_as_message');
  const relay = await fixture.lead();
  await insertRows(db.pool(), ['published']);
  await waitFor(() => relay.broker.seen.length === 1, { within: 20_000 });
  await waitFor(async () => (await reached(db)) !== null, {
    within: 20_000,
    what: 'the leader to say where it is',
  });
  await relay.stop();
  await insertRows(db.pool(), ['in the log alone']);
  const status = millrace(['outbox', 'status', '--json'], { env: { WE_POSTGRES_DSN: db.dsn } });
  expect(await status.ended).toBe(0);
  expect(JSON.parse(status.output())).toMatchObject({ rows: 0, messages: 1 });
  const early = drain('--timeout', '300ms');
  expect(await early.ended).toBe(1);
  expect(early.output()).toMatch(/kB of the write-ahead log wait for the relay/);
  const late = drain('--timeout', '60s');
  await fixture.lead();
  expect(await late.ended).toBe(0);
  expect(late.output()).toMatch(/the outbox is empty\n$/);
  await fixture.stopRelays();
});

test('drain waits until nothing waits, and shows how far it is', async () => {
  await fill();
  const drain = outbox('drain', '--timeout', '30s');
  await waitFor(() => drain.output().includes('4 jobs wait in 2 rows'), { within: 20_000 });
  await database.pool().query('delete from dispatch_outbox where message_count = 3');
  await waitFor(() => drain.output().includes('1 jobs wait in 1 rows'), { within: 20_000 });
  await database.pool().query('delete from dispatch_outbox');
  expect(await drain.ended).toBe(0);
  expect(drain.output()).toMatch(/the outbox is empty\n$/);
});

test('drain fails when something is left at the end of its time, and says what to do', async () => {
  await fill();
  const drain = outbox('drain', '--timeout', '300ms');
  expect(await drain.ended).toBe(1);
  expect(drain.output()).toMatch(/not empty after 300ms: 4 jobs wait in 2 rows.*Check that a relay leads/s);
});
