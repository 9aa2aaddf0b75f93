import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createPool } from '../../../../adapters/postgres/pool.ts';
import { guardWal, type WalSample } from '../../../../adapters/postgres/wal-guard.ts';
import { systemClock } from '../../../../adapters/system/clock.ts';
import { type LogFields, silentLogger } from '../../../../engine/ports/logger.ts';
import { createDatabase, type TestDatabase } from '../../../helpers/database.ts';
import { waitFor } from '../../../helpers/wait-for.ts';
import { TestBroker } from '../../relay-cdc/broker.ts';
import { insertRows, isStreaming, numbered, RelayFixture } from '../../relay-cdc/fixture.ts';

const MIB = 2 ** 20;

interface Told {
  readonly message: string;
  readonly fields: LogFields;
}

/** One who watches, until the end of the test. */
function watch(dsn: string, name: string) {
  const told: Told[] = [];
  let last: WalSample | undefined;
  const tell = (message: string, fields: LogFields = {}) => told.push({ message, fields });
  const logger = { ...silentLogger, info: tell, warn: tell, error: tell };
  const pool = createPool({ dsn, poolSize: 1 }, silentLogger);
  const stop = new AbortController();
  const onSample = (sample: WalSample) => {
    last = sample;
  };
  const running = guardWal(
    { db: pool, clock: systemClock, logger, name, everyMs: 20, onSample },
    stop.signal,
  );
  return {
    told,
    last: () => last,
    async [Symbol.asyncDispose](): Promise<void> {
      stop.abort();
      await running;
      await pool.end();
    },
  };
}

async function setBudget(db: Pick<TestDatabase, 'pool'>, bytes: number): Promise<void> {
  await db.pool().query('update millrace_settings set wal_budget_bytes = $1', [bytes]);
}

async function write(db: Pick<TestDatabase, 'pool'>, bytes: number): Promise<void> {
  await db.pool().query(`select pg_logical_emit_message(false, 'filler', repeat('x', $1::integer))`, [bytes]);
}

async function trail(db: Pick<TestDatabase, 'pool'>): Promise<string[]> {
  const { rows } = await db.pool().query<{ line: string }>(
    `select concat_ws(' ', action, detail ->> 'to', detail ->> 'reason') as line
     from audit_log where action in ('WAL_PRESSURE', 'SLOT_LOST') order by id`,
  );
  return rows.map(({ line }) => line);
}

/** A slot that some relay has led with, and that nobody reads. */
async function abandonedSlot(db: TestDatabase): Promise<string> {
  const slot = `test_${randomBytes(6).toString('hex')}`;
  await db.pool().query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [slot]);
  await db
    .pool()
    .query(
      `insert into relay_state (slot_name, term, leader, system_id, timeline) values ($1, 1, 'gone', '1', 1)`,
      [slot],
    );
  return slot;
}

async function exists(db: TestDatabase, slot: string): Promise<boolean> {
  const { rowCount } = await db.pool().query('select from pg_replication_slots where slot_name = $1', [slot]);
  return rowCount === 1;
}

test('of any number who watch, one makes each change and writes it down', async () => {
  await using db = await createDatabase();
  const slot = await abandonedSlot(db);
  // Others write to the log of this server, too: enough that their share is small.
  await setBudget(db, 512 * MIB);
  await using first = watch(db.dsn, 'first');
  await using second = watch(db.dsn, 'second');
  await using third = watch(db.dsn, 'third');
  await waitFor(() => [first, second, third].every((one) => one.last()?.pressure === 'calm'), {
    within: 10_000,
  });
  await write(db, 8 * MIB);
  await setBudget(db, 8 * MIB);
  await waitFor(async () => !(await exists(db, slot)), { within: 10_000, what: 'the slot to go' });
  // Nobody has made it anew: that little is held back now says nothing.
  await waitFor(() => [first, second, third].every((one) => one.last()?.usedRatio === 0), { within: 10_000 });
  expect(third.last()).toMatchObject({ pressure: 'dropped', recentLosses: 1 });
  expect(await trail(db)).toEqual(['WAL_PRESSURE dropped', 'SLOT_LOST wal_budget']);
  const messages = [...first.told, ...second.told, ...third.told].map(({ message }) => message);
  expect(messages.sort()).toEqual([
    expect.stringMatching(/^the slot was dropped before/),
    expect.stringMatching(/^the write-ahead log has used up its budget/),
  ]);
});

test('who may not drop a slot says so, and leaves it to one who may', async () => {
  await using db = await createDatabase();
  const slot = await abandonedSlot(db);
  const role = `norepl_${randomBytes(4).toString('hex')}`;
  const admin = createPool({ dsn: db.adminDsn, poolSize: 1 }, silentLogger);
  await admin.query(`create role ${role} login password 'secret'`);
  await admin.query(`grant select, insert, update on all tables in schema public to ${role}`);
  await write(db, 2 * MIB);
  await setBudget(db, MIB);
  {
    await using powerless = watch(
      Object.assign(new URL(db.dsn), { username: role, password: 'secret' }).href,
      'powerless',
    );
    await waitFor(
      () => powerless.told.some(({ fields }) => String(fields['advice']).includes('alter role')),
      {
        within: 10_000,
        what: 'the advice',
      },
    );
  }
  expect(await exists(db, slot)).toBe(true);
  await using _able = watch(db.dsn, 'able');
  await waitFor(async () => !(await exists(db, slot)), { within: 10_000 });
  expect((await trail(db)).filter((line) => line.startsWith('SLOT_LOST'))).toHaveLength(1);
  await admin.query(`drop owned by ${role}`);
  await admin.query(`drop role ${role}`);
  await admin.end();
});

test('a leader whose broker hangs loses its slot, makes one anew, and publishes every row', async () => {
  await using fixture = await RelayFixture.create();
  const broker = new TestBroker();
  const relay = await fixture.lead({ broker });
  let open: () => void = () => undefined;
  const hanging = new Promise<void>((resolve) => {
    open = resolve;
  });
  broker.gate = () => hanging;
  await insertRows(fixture.pool, numbered('held', 50));
  await setBudget(fixture.db, 512 * MIB);
  await write(fixture.db, 8 * MIB);
  await using watching = watch(fixture.db.dsn, 'api');
  await waitFor(() => watching.last()?.pressure === 'calm', { within: 10_000 });
  await setBudget(fixture.db, 4 * MIB);
  await waitFor(async () => (await trail(fixture.db)).some((line) => line.startsWith('SLOT_LOST')), {
    within: 10_000,
  });
  await setBudget(fixture.db, 512 * MIB);
  await insertRows(fixture.pool, numbered('meanwhile', 50));
  open();
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 20_000 });
  await waitFor(() => isStreaming(relay) && watching.last()?.pressure === 'calm', { within: 10_000 });
  const seen = new Set(broker.values());
  expect([...numbered('held', 50), ...numbered('meanwhile', 50)].filter((value) => !seen.has(value))).toEqual(
    [],
  );
  expect((await trail(fixture.db)).filter((line) => line.startsWith('SLOT_LOST'))).toHaveLength(1);
});
