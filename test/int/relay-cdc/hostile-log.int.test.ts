import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Logger, silentLogger } from '../../../engine/ports/logger.ts';
import { createDatabase, type TestDatabase } from '../../helpers/database.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { insertRows, isStreaming, numbered, RelayFixture } from './fixture.ts';

const WITHIN = { within: 30_000 };

let db: TestDatabase;
let fixture: RelayFixture;

beforeEach(async () => {
  db = await createDatabase();
  fixture = RelayFixture.on(db);
});

afterEach(() => fixture[Symbol.asyncDispose]());

async function asSuperuser(...statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: db.adminDsn });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

/** P23: what others may leave in the log between two rows. */
test('a truncated outbox, new types, tables of the same name and messages of others hold nothing up', async () => {
  const relay = await fixture.lead();
  const hostile = [
    'truncate dispatch_outbox',
    `create type mood as enum ('calm'); create table moods (mood mood); insert into moods values ('calm')`,
    'create schema other; create table other.dispatch_outbox (id bigint); insert into other.dispatch_outbox values (1)',
    `select pg_logical_emit_message(true, 'other', repeat('x', 100000)), pg_logical_emit_message(false, 'other', 'x')`,
    'alter publication millrace_outbox owner to current_user',
    'begin; savepoint a; select 1; rollback to a; commit',
  ];
  const expected: string[] = [];
  for (const [round, statement] of hostile.entries()) {
    await asSuperuser(statement);
    const values = numbered(`v${round}`, 3);
    await insertRows(fixture.pool, values);
    expected.push(...values);
    await waitFor(() => relay.broker.seen.length === expected.length, WITHIN);
  }
  expect(relay.broker.values()).toEqual(expected);
  expect(isStreaming(relay)).toBe(true);
});

/** P24: around the sizes at which PostgreSQL stores a value elsewhere, and up to the largest a row may have. */
test('values of every size come byte for byte', async () => {
  const relay = await fixture.lead();
  const sizes = [1, 126, 127, 1_990, 2_000, 2_010, 8_150, 8_192, 65_536, 1_048_576, 2_000_000];
  const values = sizes.map((size) =>
    randomBytes(Math.ceil(size / 2))
      .toString('hex')
      .slice(0, size),
  );
  await insertRows(fixture.pool, values);
  for (const value of values) await insertRows(fixture.pool, [value]);
  await waitFor(() => relay.broker.seen.length === 2 * values.length, WITHIN);
  expect(relay.broker.values().map((value, at) => value === values[at % values.length])).toEqual(
    Array.from({ length: 2 * values.length }, () => true),
  );
});

/** P4: a change of running transactions that a changed publication hides is swept from the table. */
test('a publication that is altered all the time while transactions are open loses nothing', async () => {
  const relay = await fixture.lead();
  const open = await Promise.all(Array.from({ length: 4 }, () => fixture.pool.connect()));
  const values: string[] = [];
  for (let round = 0; round < 15; round += 1) {
    for (const client of open) await client.query('begin');
    for (const [index, client] of open.entries()) {
      const some = numbered(`r${round}c${index}`, 3);
      await insertRows(client, some);
      values.push(...some);
      await asSuperuser(
        'alter publication millrace_outbox drop table dispatch_outbox',
        'alter publication millrace_outbox add table dispatch_outbox (id, topic, message_count, messages)',
      );
    }
    for (const client of open) await client.query('commit');
  }
  for (const client of open) client.release();
  await waitFor(async () => (await fixture.outboxRows()) === 0, { ...WITHIN, what: 'an empty outbox' });
  const seen = new Set(relay.broker.values());
  expect(values.filter((value) => !seen.has(value))).toEqual([]);
});

/** P29 */
test('a role that loses the right to replicate is told, and goes on by itself once it has it again', async () => {
  const role = `test_${randomBytes(4).toString('hex')}`;
  await asSuperuser(`create role ${role} login replication password 'secret' in role workflow`);
  const dsn = Object.assign(new URL(db.dsn), { username: role, password: 'secret' }).href;
  const told: string[] = [];
  const tell: Logger['error'] = (message, fields) =>
    void told.push(`${message} ${String(fields?.['error'])}`);
  const logger: Logger = { ...silentLogger, warn: tell, error: tell };
  try {
    const relay = await fixture.lead({ env: { WE_POSTGRES_DSN: dsn }, logger });
    await asSuperuser(
      `alter role ${role} noreplication`,
      `select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = '${fixture.slot}'`,
    );
    await insertRows(fixture.pool, ['meanwhile']);
    await waitFor(() => told.some((line) => /REPLICATION|replicat/.test(line)), {
      ...WITHIN,
      what: 'to be told',
    });
    expect(relay.broker.values()).toEqual([]);
    await asSuperuser(`alter role ${role} replication`);
    await waitFor(() => relay.broker.values().includes('meanwhile'), {
      ...WITHIN,
      what: 'dispatch to go on',
    });
    await relay.stop();
  } finally {
    await asSuperuser(`drop role ${role}`);
  }
});
