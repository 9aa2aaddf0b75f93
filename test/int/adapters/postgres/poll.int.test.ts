import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PollFront } from '../../../../adapters/postgres/poll-front.ts';
import { Poller } from '../../../../adapters/postgres/poller.ts';
import { retrying } from '../../../../adapters/postgres/retrying.ts';
import type { Database } from '../../../../adapters/postgres/sql/database.ts';
import { explainPoll, type Stretch } from '../../../../adapters/postgres/sql/poll.ts';
import type { PollRequest } from '../../../../engine/ports/record-store.ts';
import type { StepId } from '../../../../events/ids.ts';
import { createDatabase, type TestDatabase } from '../../../helpers/database.ts';

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createDatabase();
  db = retrying(database.pool(), false);
  await database.pool().query(`
    insert into jobs (id, type, status, payload, priority, max_retries, queued_at)
    select gen_random_uuid(), 'type-' || n % 4, 'queued', '{}', n % 3, 3, now()
    from generate_series(1, 40000) as n
  `);
  await database.pool().query('analyze jobs');
});

afterAll(() => database.drop());

/** Rows that came out of each scan of an index, with the index. */
function scans(plan: string): { readonly index: string; readonly rows: number }[] {
  return [...plan.matchAll(/Index (?:Only )?Scan using (\w+) .*?rows=([\d.]+) loops=(\d+)/g)].map(
    ([, index = '', rows, loops]) => ({ index, rows: Number(rows) * Number(loops) }),
  );
}

function aPoll(overrides: Partial<PollRequest> = {}): PollRequest {
  return {
    types: ['type-1' as StepId],
    limit: 50,
    payloadBytes: 1_000_000,
    workerId: 'w',
    leaseMs: 1000,
    claimId: randomUUID(),
    ...overrides,
  };
}

test.each([
  { types: ['type-1'], read: 50 },
  { types: ['type-0', 'type-1', 'type-2', 'type-3', 'unknown'], read: 4 * 50 + 53 },
])('a poll for $types reads the heads of the index, however much is queued', async ({ types, read }) => {
  const plan = await explainPoll(db, aPoll({ types: types as StepId[] }), new PollFront(types).whole);
  expect(plan).not.toMatch(/Seq Scan|Bitmap .* on jobs_queued/);
  const queued = scans(plan).filter(({ index }) => index === 'jobs_queued');
  const total = queued.reduce((sum, { rows }) => sum + rows, 0);
  expect(total).toBeGreaterThanOrEqual(50);
  expect(total).toBeLessThanOrEqual(read);
});

test('a poll under a backlog does not walk over what was taken before, though a transaction keeps it from going', async () => {
  const client = await database.pool().connect();
  try {
    await client.query('begin isolation level repeatable read');
    await client.query('select count(*) from jobs');
    const type = 'type-2';
    const front = new PollFront([type]);
    const looked = front.look();
    const poller = new Poller(db);
    for (let taken = 0; taken < 4_000; taken += 500) {
      const rows = await poller.take(aPoll({ types: [type as StepId], limit: 500 }));
      looked.found(rows, { isFull: true, ms: 1, now: 0 });
    }
    looked.end();
    const poll = aPoll({ types: [type as StepId] });
    const touched = async (stretches: readonly Stretch[]) =>
      Number(/Buffers: shared hit=(\d+)/.exec(await explainPoll(db, poll, stretches))?.[1]);
    const beyond = await touched(front.beyond(1) ?? []);
    const whole = await touched(front.whole);
    expect(beyond).toBeLessThan(whole / 3);
  } finally {
    client.release(true);
  }
});
