import { expect, test } from 'vitest';
import { readPostgresConfig } from '../../../adapters/postgres/config.ts';
import { createPool } from '../../../adapters/postgres/pool.ts';
import { createPostgresRecordStore } from '../../../adapters/postgres/record-store.ts';
import { createEngineDeps } from '../../../adapters/system/engine-deps.ts';
import { enqueueJobs } from '../../../engine/commands/enqueue-jobs.ts';
import type { JobRequest } from '../../../engine/new-job.ts';
import { silentLogger } from '../../../engine/ports/logger.ts';
import type { JobId, StepId } from '../../../events/ids.ts';
import { waitFor } from '../../helpers/wait-for.ts';
import { TestBroker } from './broker.ts';
import { RelayFixture, TOPIC } from './fixture.ts';

const TYPE = 'send-email' as StepId;
const DISPATCHED = { actor: 'relay', action: 'DISPATCHED_VIA_BROKER' };

const HOPS = { decode_ms: expect.any(Number), ack_ms: expect.any(Number), written_ms: expect.any(Number) };

async function open(broker = new TestBroker()) {
  const fixture = await RelayFixture.create();
  await fixture.pool.query('insert into job_types (type) values ($1) on conflict do nothing', [TYPE]);
  const pool = createPool(readPostgresConfig(fixture.env(), { poolSize: 2 }), silentLogger);
  const store = createPostgresRecordStore(pool);
  const deps = createEngineDeps(store, 'kafka_outbox');
  return {
    fixture,
    [Symbol.asyncDispose]: async () => {
      await pool.end();
      await fixture[Symbol.asyncDispose]();
    },
    broker,
    async enqueue(requests: readonly Partial<JobRequest>[]): Promise<JobId[]> {
      const whole = requests.map((request) => ({ type: TYPE, payload: 'null', maxRetries: 3, ...request }));
      const enqueued = await enqueueJobs(deps, whole);
      return enqueued.flatMap((one) => ('job' in one ? [one.job.id] : []));
    },
    async dispatches(jobId: JobId) {
      const trail = await store.listAudit({ jobId });
      return trail
        .filter(({ action }) => action === DISPATCHED.action)
        .map(({ detail }) => JSON.parse(detail));
    },
    async auditRows() {
      const { rows } = await fixture.pool.query<{ job_id: JobId | null; dispatch_id: JobId | null }>(
        'select job_id, dispatch_id from audit_log where action = $1 order by id',
        [DISPATCHED.action],
      );
      return rows;
    },
    cleared: () => waitFor(async () => (await fixture.outboxRows()) === 0, { within: 10_000 }),
  };
}

test('jobs enqueued together leave one audit row, and the trail of each shows it', async () => {
  await using stack = await open();
  const { fixture, broker } = stack;
  await fixture.lead({ broker });

  const ids = await stack.enqueue([{}, {}, {}]);
  const special = await stack.enqueue([{ idempotencyKey: 'a' }, { idempotencyKey: 'b' }]);
  await stack.cleared();

  expect(await stack.auditRows()).toEqual([
    { job_id: null, dispatch_id: ids[0] },
    { job_id: null, dispatch_id: special[0] },
  ]);
  for (const id of ids)
    expect(await stack.dispatches(id)).toMatchObject([{ topic: TOPIC, term: 1, messages: 3, ...HOPS }]);
  for (const id of special)
    expect(await stack.dispatches(id)).toMatchObject([{ topic: TOPIC, term: 1, messages: 2, ...HOPS }]);
  const { rows } = await fixture.pool.query(
    'select job_id from job_trail where action = $1 order by job_id',
    [DISPATCHED.action],
  );
  expect(rows.map((row) => row.job_id)).toEqual([...ids, ...special].sort());
});

test('a job enqueued alone leaves an audit row with its id, also among replays of a key', async () => {
  await using stack = await open();
  const { fixture, broker } = stack;
  await fixture.lead({ broker });

  const [alone] = await stack.enqueue([{}]);
  const [first] = await stack.enqueue([{ idempotencyKey: 'a' }]);
  const replayed = await stack.enqueue([{ idempotencyKey: 'a' }, { idempotencyKey: 'b' }]);
  await stack.cleared();

  expect(replayed[0]).toBe(first);
  expect(await stack.auditRows()).toEqual(
    [alone, first, replayed[1]].map((job_id) => ({ job_id, dispatch_id: null })),
  );
});

test('a pack whose jobs do not know it leaves an audit row a job', async () => {
  await using stack = await open();
  const { fixture, broker } = stack;
  const ids = await stack.enqueue([{}, {}, {}]);
  // As a pack of retries is: its jobs keep the id of the pack they came in first.
  await fixture.pool.query('update dispatch_outbox set dispatch_id = null');
  await fixture.lead({ broker });
  await stack.cleared();

  expect(await stack.auditRows()).toEqual(ids.map((job_id) => ({ job_id, dispatch_id: null })));
});

test('a job that the broker refused has no dispatch in its trail, and its neighbours have', async () => {
  await using stack = await open();
  const { fixture, broker } = stack;
  const ids = await stack.enqueue([{}, { payload: '"huge"' }, {}]);
  broker.refuses = ({ value }) => (value.includes('huge') ? 'too large' : undefined);
  await fixture.lead({ broker });
  await stack.cleared();

  const trails = await Promise.all(ids.map((id) => stack.dispatches(id)));
  expect(trails.map((trail) => trail.length)).toEqual([1, 0, 1]);
  const { rows } = await fixture.pool.query("select id from jobs where status = 'dead_letter'");
  expect(rows).toEqual([{ id: ids[1] }]);
});
