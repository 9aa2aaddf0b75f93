import { expect, test } from 'vitest';
import { waitFor } from '../../helpers/wait-for.ts';
import { positionOf, TestBroker } from './broker.ts';
import { insertRows, numbered, packOf, RelayFixture, TOPIC } from './fixture.ts';

const HOPS = { decode_ms: expect.any(Number), ack_ms: expect.any(Number), written_ms: expect.any(Number) };

test('rows reach the broker in commit order, leave an audit row each, and the outbox drops to 0', async () => {
  await using fixture = await RelayFixture.create();
  const { broker } = await fixture.lead();
  for (let round = 0; round < 10; round += 1) await insertRows(fixture.pool, numbered(`t${round}`, 20));
  await waitFor(async () => (await fixture.outboxRows()) === 0 && broker.seen.length === 200, {
    within: 10_000,
  });
  expect(broker.values()).toEqual(numbered('', 10).flatMap((_, round) => numbered(`t${round}`, 20)));
  const { rows } = await fixture.pool.query(
    `select action, actor, detail from audit_log where action = 'DISPATCHED_VIA_BROKER'`,
  );
  expect(rows).toHaveLength(200);
  expect(rows[0]).toEqual({
    action: 'DISPATCHED_VIA_BROKER',
    actor: 'relay',
    detail: { topic: TOPIC, term: 1, ...HOPS },
  });
});

test('each record tells its commit, its place in it and the term', async () => {
  await using fixture = await RelayFixture.create();
  const { broker } = await fixture.lead();
  await fixture.pool.query(
    'insert into dispatch_outbox (topic, message_count, messages) values ($1, 3, $2), ($1, 2, $3)',
    [TOPIC, packOf(['a', 'b', 'c']), packOf(['d', 'e'])],
  );
  await insertRows(fixture.pool, ['f']);
  await waitFor(() => broker.seen.length === 6, { within: 10_000 });
  const [first, ...rest] = broker.seen;
  expect(first?.headers.get('content-type')).toBe(
    'application/x-protobuf; proto=workflow.v1.JobDispatchEvent',
  );
  expect(first?.headers.get('epoch')).toBe('1');
  expect(broker.seen.map((record) => positionOf(record)[1])).toEqual([0, 1, 2, 3, 4, 0]);
  const commits = new Set([first, ...rest].map((record) => (record ? positionOf(record)[0] : 0n)));
  expect(commits.size).toBe(2);
});

test('order is that of the commits, not of the inserts', async () => {
  await using fixture = await RelayFixture.create();
  const { broker } = await fixture.lead();
  const [slow, fast] = [await fixture.pool.connect(), await fixture.pool.connect()];
  try {
    await slow.query('begin');
    await insertRows(slow, ['slow-1']);
    await insertRows(fast, ['fast-1', 'fast-2']);
    await insertRows(slow, ['slow-2']);
    await slow.query('commit');
  } finally {
    slow.release();
    fast.release();
  }
  await waitFor(() => broker.seen.length === 4, { within: 10_000 });
  expect(broker.values()).toEqual(['fast-1', 'fast-2', 'slow-1', 'slow-2']);
});

test('rows from before the slot was made are published once, then those of the log', async () => {
  await using fixture = await RelayFixture.create();
  await insertRows(fixture.pool, numbered('before', 100));
  const { broker, metric } = await fixture.lead({ broker: new TestBroker() });
  await insertRows(fixture.pool, numbered('after', 10));
  await waitFor(async () => broker.seen.length >= 110 && (await fixture.outboxRows()) === 0, {
    within: 10_000,
  });
  expect(broker.values()).toEqual([...numbered('before', 100), ...numbered('after', 10)]);
  // Those that were not read from the log have no way to tell of.
  const { rows } = await fixture.pool.query(
    `select (detail ? 'decode_ms') as told, count(*)::integer from audit_log where action = 'DISPATCHED_VIA_BROKER'
     group by 1 order by 1`,
  );
  expect(rows).toEqual([
    { told: false, count: 100 },
    { told: true, count: 10 },
  ]);
  expect(await metric('workflow_engine_dispatch_relay_rebuilds_total')).toBe(0);
});
