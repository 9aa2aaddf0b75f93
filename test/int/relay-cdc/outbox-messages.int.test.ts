import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readPostgresConfig } from '../../../adapters/postgres/config.ts';
import { createPool } from '../../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../../adapters/postgres/record-store.ts';
import { writeDispatchMode } from '../../../adapters/postgres/settings.ts';
import type { OutboxForm } from '../../../adapters/postgres/sql/outbox-form.ts';
import { createEngineDeps } from '../../../adapters/system/engine-deps.ts';
import { claimJobs } from '../../../engine/commands/claim-jobs.ts';
import { enqueueJobs } from '../../../engine/commands/enqueue-jobs.ts';
import type { EngineDeps } from '../../../engine/deps.ts';
import { MillraceError } from '../../../engine/errors.ts';
import type { JobRequest } from '../../../engine/new-job.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import { dispatchPolledJobs, redispatchLostJobs } from '../../../engine/roles/lost-dispatches.ts';
import type { JobId, StepId } from '../../../events/ids.ts';
import { settleOutbox } from '../../../relay-cdc/settle-outbox.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { TestBroker } from './broker.ts';
import { insertRows, numbered, RelayFixture } from './fixture.ts';
import { firstCopies, KeyedWriter, startSharded } from './sharded.ts';

const TYPE = 'send-email' as StepId;
const WITHIN = { within: 30_000 };

let fixture: RelayFixture;
let engine: EngineDeps;
let pool: pg.Pool;

beforeEach(async () => {
  fixture = await RelayFixture.create();
  pool = createPool(readPostgresConfig(fixture.env(), { poolSize: 2 }), silentLogger);
  const store = createPostgresRecordStore(pool);
  await store.registerTypes([TYPE]);
  await writeDispatchMode(pool, 'kafka_outbox');
  engine = createEngineDeps(store, 'kafka_outbox');
  await writeAs('message');
});

afterEach(async () => {
  await pool.end();
  await fixture[Symbol.asyncDispose]();
});

function writeAs(form: OutboxForm): Promise<void> {
  const { signal } = new AbortController();
  return settleOutbox(form, { pool: fixture.pool, clock: engine.clock, logger: silentLogger, signal });
}

async function enqueue(...requests: readonly Partial<JobRequest>[]): Promise<JobId[]> {
  const whole = requests.map((request) => ({ type: TYPE, payload: '{}', maxRetries: 3, ...request }));
  const enqueued = await enqueueJobs(engine, whole);
  return enqueued.flatMap((one) => ('job' in one ? [one.job.id] : []));
}

const jobs = (count: number): Partial<JobRequest>[] => Array.from({ length: count }, () => ({}));

/** The job of each message at the broker, in its order. */
function dispatched(broker: TestBroker): string[] {
  return broker.seen.map(({ headers }) => headers.get('dedup-id')?.split('.')[0] ?? '');
}

async function trail(): Promise<{ job_id: string; messages: number | null }[]> {
  const { rows } = await fixture.pool.query<{ job_id: string; messages: number | null }>(`
    select job_id, (detail ->> 'messages')::integer as messages
    from job_trail
    where action = 'DISPATCHED_VIA_BROKER'
    order by job_id
  `);
  return rows;
}

/** Both ways in which a relay reads the log. */
test.each(['own', 'pg-logical-replication'])(
  'jobs of the API and of SQL are published from the log alone, and each has its dispatch in its trail (%s)',
  async (session) => {
    const relay = await fixture.lead({ env: { WE_RELAY_SESSION: session } });
    const packed = await enqueue(...jobs(3), { partitionKey: 'k' });
    const keyed = await enqueue({ idempotencyKey: 'a' }, { idempotencyKey: 'b' });
    const { rows } = await fixture.pool.query<{ id: JobId }>(
      `select millrace.enqueue('send-email', '{"sql":true}', partition_key => 'k') as id`,
    );
    const ids = [...packed, ...keyed, ...rows.map(({ id }) => id)];
    await waitFor(async () => (await trail()).length === ids.length, { ...WITHIN, what: 'every trail' });
    expect(dispatched(relay.broker)).toEqual(ids);
    expect(relay.broker.seen.filter(({ key }) => key === 'k')).toHaveLength(2);
    expect(new Map((await trail()).map(({ job_id, messages }) => [job_id, messages]))).toEqual(
      new Map(ids.map((id, place) => [id, place < 4 ? 4 : place < 6 ? 2 : null])),
    );
    const { rows: size } = await fixture.pool.query(
      `select pg_relation_size('dispatch_outbox')::integer as bytes`,
    );
    expect(size).toEqual([{ bytes: 0 }]);
  },
);

test('a message is what a row of the table would have become', async () => {
  const relay = await fixture.lead();
  const request = {
    payload: '{"to":"ada"}',
    partitionKey: 'k',
    traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
  };
  await enqueue(request);
  await writeAs('table');
  await enqueue(request);
  await waitFor(() => relay.broker.seen.length === 2, WITHIN);
  const [message, row] = relay.broker.seen.map((record) => ({
    ...record,
    headers: [...record.headers.keys()],
  }));
  expect({ ...message, value: '' }).toEqual({ ...row, value: '' });
});

test('a transaction that rolls back leaves nothing, and one that commits later comes later', async () => {
  const relay = await fixture.lead();
  const late = await fixture.pool.connect();
  const enqueued = `select millrace.enqueue('send-email', '{}') as id`;
  await late.query('begin');
  const { rows: lateRows } = await late.query<{ id: JobId }>(enqueued);
  const undone = await fixture.pool.connect();
  await undone.query('begin');
  await undone.query(enqueued);
  await undone.query('rollback');
  undone.release();
  const early = await enqueue({});
  await late.query('commit');
  late.release();
  const last = await enqueue({});
  const expected = [...early, ...lateRows.map(({ id }) => id), ...last];
  await waitFor(() => relay.broker.seen.length >= expected.length, WITHIN);
  expect(dispatched(relay.broker)).toEqual(expected);
});

test('both forms come in the order of their commits, also when the form is changed under load', async () => {
  const relay = await fixture.lead();
  const writer = new KeyedWriter(fixture);
  for (const form of ['table', 'message', 'table', 'message'] as const) {
    for (let round = 0; round < 5; round += 1) await writer.write(['a', 'b', 'a']);
    await writeAs(form);
  }
  await writer.write(['a', 'b']);
  await waitFor(() => relay.broker.seen.length >= 62, WITHIN);
  expect(firstCopies(relay.broker)).toEqual(writer.accepted);
  await waitFor(async () => (await fixture.outboxRows()) === 0, WITHIN);
});

test('what the broker took without the relay hearing of it comes again, and nothing is lost', async () => {
  const broker = new TestBroker();
  let isFirst = true;
  const streamer: typeof broker.streamer = {
    publisher: async () => {
      const publisher = await broker.streamer.publisher();
      const publish: typeof publisher.publish = async (records) => {
        const receipt = await publisher.publish(records);
        if (!isFirst) return receipt;
        isFirst = false;
        throw new MillraceError('publish_failed', 'The answer was lost.', { retryable: true });
      };
      return { publish, close: () => publisher.close() };
    },
  };
  await fixture.lead({ streamer });
  const ids = await enqueue(...jobs(20));
  ids.push(...(await enqueue({})));
  await waitFor(() => broker.seen.length >= 20 + ids.length, WITHIN);
  expect([...new Set(dispatched(broker))]).toEqual(ids);
  expect(broker.seen.length).toBeLessThanOrEqual(2 * ids.length);
});

test('with its slot gone, every queued job that nobody has claimed is dispatched once more, and no other', async () => {
  const first = await fixture.lead();
  const claimed = await enqueue(...jobs(3));
  const waiting = await enqueue(...jobs(4));
  await waitFor(() => first.broker.seen.length === 7, WITHIN);
  await claimJobs(engine, { claimId: randomUUID(), ids: claimed, workerId: 'w', leaseMs: 60_000 });
  await first.stop();
  await fixture.pool.query('select pg_drop_replication_slot($1)', [fixture.slot]);
  const lost = await enqueue(...jobs(1_500));
  const next = await fixture.lead();
  const after = await enqueue({});
  await waitFor(() => dispatched(next.broker).includes(after[0] ?? ''), WITHIN);
  expect(dispatched(next.broker).sort()).toEqual([...waiting, ...lost, ...after].sort());
});

test('the sweep dispatches again what nobody claimed, as ever', async () => {
  const relay = await fixture.lead();
  const ids = await enqueue(...jobs(3));
  await waitFor(() => relay.broker.seen.length === 3, WITHIN);
  expect(await redispatchLostJobs(engine, { olderThanMs: 0, limit: 100 })).toBe(3);
  await waitFor(() => relay.broker.seen.length === 6, WITHIN);
  expect(dispatched(relay.broker).slice(3).sort()).toEqual([...ids].sort());
});

test('while the log may grow no further nothing goes into it, and what waited is dispatched afterwards', async () => {
  const relay = await fixture.lead();
  await fixture.pool.query(`update millrace_settings set wal_pressure = 'fallback'`);
  const polled = await enqueue(...jobs(3));
  await fixture.pool.query(`update millrace_settings set wal_pressure = 'calm'`);
  const after = await enqueue({});
  await waitFor(() => relay.broker.seen.length === 1, WITHIN);
  expect(await dispatchPolledJobs(engine, 100)).toBe(3);
  await waitFor(() => relay.broker.seen.length === 4, WITHIN);
  expect(dispatched(relay.broker).sort()).toEqual([...after, ...polled].sort());
});

test("messages of others are passed over, and one under the outbox's name that is none holds nothing up", async () => {
  const errors: string[] = [];
  const logger = { ...silentLogger, error: (message: string) => errors.push(message) };
  const relay = await fixture.lead({ logger });
  await fixture.pool.query(`select pg_logical_emit_message(true, 'somebody', 'else')`);
  await fixture.pool.query(`select pg_logical_emit_message(false, 'millrace.outbox', 'outside')`);
  await fixture.pool.query(`select pg_logical_emit_message(true, 'millrace.outbox', 'short')`);
  await fixture.pool.query(`select pg_logical_emit_message(true, 'millrace.outbox', repeat('x', 100))`);
  const ids = await enqueue({});
  await waitFor(() => relay.broker.seen.length === 1, WITHIN);
  expect(dispatched(relay.broker)).toEqual(ids);
  expect(errors).toContain('an outbox row holds no pack and stays in the outbox');
});

test('the limits of the table hold without its rows', async () => {
  await expect(insertRows(fixture.pool, ['x'.repeat(2 ** 21)])).rejects.toThrow(/at most 2 MiB/);
  const packedFor = `insert into dispatch_outbox (topic, message_count, messages, packed_for) values ('t', 1, 'x', 2)`;
  await expect(fixture.pool.query(packedFor)).rejects.toMatchObject({
    constraint: 'dispatch_outbox_packed_for',
  });
});

test('each of three shards takes its own messages, and what a change of their number leaves behind is dispatched', async () => {
  const keys = numbered('key', 12);
  const writer = new KeyedWriter(fixture);
  await writer.write(keys);
  const broker = new TestBroker();
  await using relay = await startSharded(fixture, { shards: 3, broker });
  const stream = () =>
    relay.shards.every(({ status }) => status.get().ready && status.get().role === 'leader');
  await waitFor(stream, WITHIN);
  const swept = broker.seen.length;
  for (let round = 0; round < 10; round += 1) await writer.write([...keys, ...keys]);
  const all = [...writer.accepted.values()].flat().map((id) => id.split('.')[0] ?? '');
  await waitFor(() => new Set(dispatched(broker)).size === all.length, WITHIN);
  expect(new Set(dispatched(broker))).toEqual(new Set(all));
  // One sweep a shard, of the jobs of before.
  expect(broker.seen.length - 240).toBeLessThanOrEqual(3 * keys.length);
  expect(swept).toBeLessThanOrEqual(3 * keys.length);
});

test('the backlog of an outbox of messages is told while the broker holds it up, and is nothing once it does not', async () => {
  const relay = await fixture.lead();
  const backlog = () => relay.metric('workflow_engine_dispatch_outbox_backlog');
  await enqueue(...jobs(3));
  await waitFor(() => relay.broker.seen.length === 3, WITHIN);
  const open = Promise.withResolvers<void>();
  relay.broker.gate = () => open.promise;
  for (let packs = 0; packs < 20; packs += 1) await enqueue(...jobs(3));
  await waitFor(async () => (await backlog()) >= 60, WITHIN);
  expect(await backlog()).toBe(60);
  // Numbers that are never committed wait for nobody.
  await fixture.pool.query(
    "select nextval(pg_get_serial_sequence('dispatch_outbox', 'id')) from generate_series(1, 50)",
  );
  open.resolve();
  await waitFor(() => relay.broker.seen.length === 63, WITHIN);
  await waitFor(async () => (await backlog()) === 0, WITHIN);
});
