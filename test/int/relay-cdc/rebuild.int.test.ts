import { expect, test } from 'vitest';
import { silentLogger } from '../../../engine/ports/logger.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { TestBroker } from './broker.ts';
import { insertRows, isStreaming, numbered, packOf, RelayFixture, TOPIC } from './fixture.ts';

const REBUILDS = 'workflow_engine_dispatch_relay_rebuilds_total';

test('a dropped slot is made anew, and what was written meanwhile is dispatched', async () => {
  await using fixture = await RelayFixture.create();
  const first = await fixture.lead();
  await insertRows(fixture.pool, numbered('before', 20));
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 10_000 });
  await first.stop();
  await fixture.pool.query('select pg_drop_replication_slot($1)', [fixture.slot]);
  await insertRows(fixture.pool, numbered('meanwhile', 500));
  const next = await fixture.lead();
  await insertRows(fixture.pool, numbered('after', 20));
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 15_000 });
  expect(next.broker.values()).toEqual([...numbered('meanwhile', 500), ...numbered('after', 20)]);
  expect(await next.metric(REBUILDS)).toBe(1);
  expect(await losses(fixture)).toEqual([
    { action: 'SLOT_MADE', reason: 'first_start' },
    { action: 'SLOT_LOST', reason: 'slot_missing' },
    { action: 'SLOT_MADE', reason: 'slot_missing' },
  ]);
});

test('a slot that somebody drops and makes by hand hides nothing: what came in between is found in the table', async () => {
  await using fixture = await RelayFixture.create();
  await (await fixture.lead()).stop();
  await fixture.pool.query('select pg_drop_replication_slot($1)', [fixture.slot]);
  await insertRows(fixture.pool, numbered('between', 30));
  await fixture.pool.query(`select pg_create_logical_replication_slot($1, 'pgoutput')`, [fixture.slot]);
  const relay = await fixture.lead();
  await insertRows(fixture.pool, numbered('after', 30));
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 15_000 });
  const seen = new Set(relay.broker.values());
  expect([...seen].sort()).toEqual([...numbered('between', 30), ...numbered('after', 30)].sort());
});

test('a slot dropped under a running leader and its load loses nothing', async () => {
  await using fixture = await RelayFixture.create();
  const relay = await fixture.lead();
  let isOver = false;
  const sent: string[] = [];
  const load = (async () => {
    for (let round = 0; !isOver; round += 1) {
      const values = numbered(`v${round}`, 5);
      await insertRows(fixture.pool, values);
      sent.push(...values);
    }
  })();
  await waitFor(() => relay.broker.seen.length > 100, { within: 10_000 });
  await waitFor(() => dropSlot(fixture), { within: 10_000, what: 'the slot to be dropped' });
  await waitFor(async () => (await relay.metric(REBUILDS)) === 1 && isStreaming(relay), { within: 15_000 });
  const published = relay.broker.seen.length;
  await waitFor(() => relay.broker.seen.length > published + 100, { within: 10_000 });
  isOver = true;
  await load;
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 15_000 });
  const seen = new Set(relay.broker.values());
  expect(sent.filter((value) => !seen.has(value))).toEqual([]);
  expect(await relay.metric(REBUILDS)).toBe(1);
});

test('a rebuild that did not finish is done again', async () => {
  await using fixture = await RelayFixture.create();
  await (await fixture.lead()).stop();
  await fixture.pool.query('select pg_drop_replication_slot($1)', [fixture.slot]);
  await insertRows(fixture.pool, numbered('a', 50));
  const broker = new TestBroker();
  let failuresLeft = 1;
  broker.gate = async () => {
    failuresLeft -= 1;
    if (failuresLeft >= 0) throw new Error('the broker is away');
  };
  const relay = await fixture.lead({ broker });
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 15_000 });
  expect(broker.values()).toEqual(numbered('a', 50));
  expect(await relay.metric(REBUILDS)).toBe(2);
  expect(await losses(fixture)).toEqual([
    { action: 'SLOT_MADE', reason: 'first_start' },
    { action: 'SLOT_LOST', reason: 'slot_missing' },
    { action: 'SLOT_MADE', reason: 'unfinished' },
  ]);
});

test('a slot that is lost more than three times within an hour is an error for a person, and is made anew all the same', async () => {
  await using fixture = await RelayFixture.create();
  const errors: string[] = [];
  const logger = { ...silentLogger, error: (message: string) => errors.push(message) };
  for (let loss = 0; loss < 4; loss += 1) {
    expect(errors).toEqual([]);
    await (await fixture.lead()).stop();
    await fixture.pool.query('select pg_drop_replication_slot($1)', [fixture.slot]);
    await (await fixture.lead({ logger })).stop();
  }
  expect(errors).toEqual([expect.stringContaining('again and again')]);
  expect((await losses(fixture)).filter(({ action }) => action === 'SLOT_LOST')).toHaveLength(4);
});

test('another system or timeline than the last term saw means a rebuild', async () => {
  await using fixture = await RelayFixture.create();
  for (const change of [`system_id = '1'`, 'timeline = 99']) {
    await (await fixture.lead()).stop();
    await fixture.pool.query(`update relay_state set ${change}`);
    await insertRows(fixture.pool, [change]);
    const relay = await fixture.lead();
    await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 10_000 });
    expect(relay.broker.values()).toEqual([change]);
    expect(await relay.metric(REBUILDS)).toBe(1);
    await relay.stop();
  }
});

test('a publication that is dropped and made again is noticed, and nothing is lost', async () => {
  await using fixture = await RelayFixture.create();
  const relay = await fixture.lead();
  await fixture.pool.query('drop publication millrace_outbox');
  await insertRows(fixture.pool, numbered('unpublished', 30));
  await waitFor(() => !isStreaming(relay), { within: 10_000, what: 'the relay to notice' });
  await fixture.pool.query(
    `create publication millrace_outbox for table dispatch_outbox (id, topic, message_count, messages) with (publish = 'insert')`,
  );
  await insertRows(fixture.pool, numbered('published', 30));
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 20_000 });
  const wanted = [...numbered('unpublished', 30), ...numbered('published', 30)];
  expect([...new Set(relay.broker.values())].sort()).toEqual(wanted.sort());
});

test('a row that the log never showed is found in the table, published and cleared', async () => {
  await using fixture = await RelayFixture.create();
  const relay = await fixture.lead();
  await fixture.pool.query("alter publication millrace_outbox set (publish = 'truncate')");
  await insertRows(fixture.pool, ['left behind']);
  await fixture.pool.query("alter publication millrace_outbox set (publish = 'insert')");
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 15_000 });
  expect(relay.broker.values()).toContain('left behind');
});

test('a row that holds no pack stays for a person to look at, and holds nobody up', async () => {
  await using fixture = await RelayFixture.create();
  const { broker } = await fixture.lead();
  await fixture.pool.query(
    'insert into dispatch_outbox (topic, message_count, messages) values ($1, 1, $2), ($1, 1, $3)',
    [TOPIC, Buffer.from('not a pack'), packOf(['good'])],
  );
  await waitFor(async () => broker.seen.length === 1 && (await fixture.outboxRows()) === 1, {
    within: 10_000,
  });
  expect(broker.values()).toEqual(['good']);
});

/** What the audit log tells of the slot, oldest first. */
async function losses(fixture: RelayFixture): Promise<{ action: string; reason: string }[]> {
  const { rows } = await fixture.pool.query<{ action: string; reason: string }>(
    `select action, detail ->> 'reason' as reason from audit_log where action like 'SLOT_%' order by id`,
  );
  return rows;
}

async function dropSlot(fixture: RelayFixture): Promise<boolean> {
  await fixture.pool.query(
    'select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active_pid is not null',
    [fixture.slot],
  );
  await fixture.pool.query('select pg_drop_replication_slot($1)', [fixture.slot]);
  return true;
}
