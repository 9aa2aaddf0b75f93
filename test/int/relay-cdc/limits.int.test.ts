import { expect, test } from 'vitest';
import { waitFor } from '../../helpers/wait-for.ts';
import { TestBroker } from './broker.ts';
import { insertRows, numbered, packOf, RelayFixture, TOPIC } from './fixture.ts';

const UNACKED = 'workflow_engine_dispatch_relay_unacked_bytes';
const MEBIBYTE = 1024 * 1024;

test('one transaction of 100,000 rows streams through while memory stays within its bound', async () => {
  await using fixture = await RelayFixture.create();
  const broker = new TestBroker();
  let most = 0;
  let published = 0;
  const relay = await fixture.lead({ broker, env: { WE_RELAY_UNACKED_MIB: '4' } });
  broker.gate = async (records) => {
    most = Math.max(most, await relay.metric(UNACKED));
    published += records.length;
    broker.seen.length = 0;
  };
  await fixture.pool.query(
    'insert into dispatch_outbox (topic, message_count, messages) select $1, 1, $2 from generate_series(1, 100000)',
    [TOPIC, packOf(['x'.repeat(300)])],
  );
  await waitFor(async () => published === 100_000 && (await fixture.outboxRows()) === 0, { within: 40_000 });
  // One read of the socket comes on top, since pausing takes effect after it.
  expect(most).toBeLessThan(5 * MEBIBYTE);
  expect(most).toBeGreaterThan(2 * MEBIBYTE);
  expect(broker.batches.length).toBeGreaterThan(40);
});

test('a stop in the middle of a transaction publishes the rest of it first, so that nothing is repeated', async () => {
  await using fixture = await RelayFixture.create();
  const first = await fixture.lead({ env: { WE_RELAY_BATCH_MESSAGES: '100' } });
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  first.broker.gate = async () => {
    if (first.broker.batches.length === 3) resolve();
  };
  await insertRows(fixture.pool, numbered('a', 5_000));
  await insertRows(fixture.pool, numbered('b', 5_000));
  await begun;
  await first.stop();
  const second = await fixture.lead();
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 10_000 });
  expect([...first.broker.values(), ...second.broker.values()]).toEqual([
    ...numbered('a', 5_000),
    ...numbered('b', 5_000),
  ]);
});

test('a message the broker refuses for its size ends its job as a dead letter, and its neighbours go on', async () => {
  await using fixture = await RelayFixture.create();
  const { broker, metric } = await fixture.lead();
  broker.refuses = ({ value }) => (value.toString() === 'huge' ? 'too large' : undefined);
  const id = '01900000-0000-7000-8000-000000000001';
  await fixture.pool.query(
    `insert into jobs (id, type, status, payload, max_retries, queued_at) values ($1, 'send-email', 'queued', '{}', 3, now())`,
    [id],
  );
  const pack = packOf(['small', 'huge', 'also small']);
  // The job id of the second message, which begins after the first one.
  Buffer.from(id.replaceAll('-', ''), 'hex').copy(pack, packOf(['small']).length);
  await fixture.pool.query(
    'insert into dispatch_outbox (topic, message_count, messages) values ($1, 3, $2)',
    [TOPIC, pack],
  );
  await insertRows(fixture.pool, ['next']);
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 10_000 });
  expect(broker.values()).toEqual(['small', 'also small', 'next']);
  const job = await fixture.pool.query(
    'select status, last_error, completed_at is not null as ended from jobs',
  );
  expect(job.rows).toEqual([
    { status: 'dead_letter', last_error: 'The broker refused the dispatch: too large', ended: true },
  ]);
  const audit = await fixture.pool.query('select action from audit_log where job_id = $1 order by id', [id]);
  expect(audit.rows.map(({ action }) => action)).toEqual(['DISPATCH_REFUSED', 'JOB_DEAD_LETTER']);
  expect(await metric('workflow_engine_dispatch_relay_publish_total')).toBe(4);
});

test('columns may be added to the outbox and moved while the relay runs', async () => {
  await using fixture = await RelayFixture.create();
  const { broker } = await fixture.lead();
  await insertRows(fixture.pool, ['before']);
  await fixture.pool.query('alter table dispatch_outbox add column note text default $$x$$');
  await fixture.pool.query('alter publication millrace_outbox set table dispatch_outbox');
  await insertRows(fixture.pool, ['with a column more']);
  await fixture.pool.query('alter table dispatch_outbox drop column note');
  await insertRows(fixture.pool, ['without it']);
  await waitFor(() => broker.seen.length >= 3, { within: 10_000 });
  expect(broker.values()).toEqual(['before', 'with a column more', 'without it']);
});

test('a column that is missing ends the relay with its name, and its rows wait in the table', async () => {
  await using fixture = await RelayFixture.create();
  const relay = await fixture.lead();
  await insertRows(fixture.pool, ['before']);
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 20_000 });
  await fixture.pool.query('alter table dispatch_outbox rename column topic to subject');
  await fixture.pool.query(
    'insert into dispatch_outbox (subject, message_count, messages) values ($1, 1, $2)',
    [TOPIC, packOf(['under another name'])],
  );
  await expect(relay.ended).rejects.toThrow(/topic/);
  await fixture.pool.query('alter table dispatch_outbox rename column subject to topic');
  // The log keeps the name that the column had: only a new slot gets past it.
  await fixture.pool.query('select pg_drop_replication_slot($1)', [fixture.slot]);
  const next = await fixture.lead();
  await insertRows(fixture.pool, ['after']);
  await waitFor(async () => (await fixture.outboxRows()) === 0, { within: 20_000 });
  expect([...relay.broker.values(), ...next.broker.values()]).toEqual([
    'before',
    'under another name',
    'after',
  ]);
});
