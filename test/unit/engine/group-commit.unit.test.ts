import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryRecordStore } from '../../../adapters/memory/record-store.ts';
import type { NewJob } from '../../../engine/commit.ts';
import { MillraceError } from '../../../engine/errors.ts';
import { groupCommit } from '../../../engine/group-commit.ts';
import type { EnqueueOutcome } from '../../../engine/ports/record-store.ts';
import { aDispatchedJob, aJob, aKeyedJob } from '../../conformance/record-store.fixtures.ts';

/** A store whose statements end when the test says so. */
function heldStore() {
  const statements: { jobs: readonly NewJob[]; end(error?: Error): void }[] = [];
  const write = (jobs: readonly NewJob[]) =>
    new Promise<EnqueueOutcome[]>((resolve, reject) => {
      const end = (error?: Error) => (error ? reject(error) : resolve(jobs.map(() => ({ kind: 'created' }))));
      statements.push({ jobs, end });
    });
  const sizes = () => statements.map(({ jobs }) => jobs.length);
  const end = (index: number, error?: Error) => {
    statements[index]?.end(error);
    return new Promise(setImmediate);
  };
  return { enqueue: groupCommit(write), sizes, end };
}

test('a lone job is written at once, and so is a second one', () => {
  const { enqueue, sizes } = heldStore();
  void enqueue([aJob()]);
  void enqueue([aJob()]);
  expect(sizes()).toEqual([1, 1]);
});

test('jobs that come while two statements are under way share the next one', async () => {
  const { enqueue, sizes, end } = heldStore();
  const all = Array.from({ length: 12 }, () => enqueue([aJob()]));
  expect(sizes()).toEqual([1, 1]);
  await end(1);
  expect(sizes()).toEqual([1, 1, 10]);
  await end(0);
  await end(2);
  expect((await Promise.all(all)).flat()).toEqual(all.map(() => ({ kind: 'created' })));
});

test('a group holds at most 1,000 jobs, and about a megabyte', async () => {
  const { enqueue, sizes, end } = heldStore();
  for (let count = 0; count < 2 + 1001; count += 1) void enqueue([aJob()]);
  const large = JSON.stringify('x'.repeat(400_000));
  for (let count = 0; count < 3; count += 1) void enqueue([aJob({ payload: large })]);
  await end(0);
  await end(1);
  await end(2);
  expect(sizes()).toEqual([1, 1, 1000, 3, 1]);
});

test('a call of several jobs goes through as it is', () => {
  const { enqueue, sizes } = heldStore();
  for (let count = 0; count < 3; count += 1) void enqueue([aJob(), aJob()], { allOrNone: true });
  expect(sizes()).toEqual([2, 2, 2]);
});

test('when the database is away all of a group are told so, after one statement', async () => {
  const { enqueue, sizes, end } = heldStore();
  const all = Promise.allSettled(Array.from({ length: 5 }, () => enqueue([aJob()])));
  await end(0);
  const away = new MillraceError('unavailable', 'away', { retryable: true });
  await end(2, away);
  await end(1);
  expect(sizes()).toEqual([1, 1, 3]);
  expect((await all).map(({ status }) => status)).toEqual([
    'fulfilled',
    'fulfilled',
    'rejected',
    'rejected',
    'rejected',
  ]);
});

/** A memory store that refuses a statement with a poisoned job in it, whole, as PostgreSQL does. */
function poisonableStore() {
  const store = new MemoryRecordStore({ now: () => new Date(0) });
  let statements = 0;
  const write = async (jobs: readonly NewJob[]) => {
    statements += 1;
    await new Promise(setImmediate);
    if (jobs.some(({ payload }) => payload === POISON)) throw new Error('22P02: this job cannot be written');
    return store.enqueue(jobs);
  };
  return { store, write, enqueue: groupCommit(write), statements: () => statements };
}

const POISON = '"poison"';

test('one poisoned job among a thousand fails alone, at the cost of some twenty statements', async () => {
  const { store, enqueue, statements } = poisonableStore();
  const jobs = Array.from({ length: 1000 }, (_, n) => aDispatchedJob({ payload: n === 700 ? POISON : '{}' }));
  const outcomes = await Promise.allSettled(jobs.map((job) => enqueue([job])));
  expect(outcomes.flatMap(({ status }, index) => (status === 'rejected' ? [index] : []))).toEqual([700]);
  expect(store.outbox).toHaveLength(999);
  expect(statements()).toBeLessThan(25);
});

test('every caller gets the outcome it would have got alone, and keys are written in the order of arrival', async () => {
  const someJob = fc.oneof(
    { weight: 5, arbitrary: fc.constant(() => aDispatchedJob()) },
    { weight: 1, arbitrary: fc.constant(() => aDispatchedJob({ payload: POISON })) },
    {
      weight: 4,
      arbitrary: fc.tuple(fc.constantFrom('k1', 'k2'), fc.constantFrom('h1', 'h2')).map(
        ([key, hash]) =>
          () =>
            aKeyedJob(key, hash),
      ),
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(someJob, { maxLength: 40 }), async (makers) => {
      const jobs = makers.map((make) => make());
      const [alone, grouped] = [poisonableStore(), poisonableStore()];
      const expected: string[] = [];
      for (const job of jobs) expected.push(await kindOf(alone.write([job])));
      const found = await Promise.all(jobs.map((job) => kindOf(grouped.enqueue([job]))));
      expect(found).toEqual(expected);
      expect(grouped.store.outbox).toEqual(alone.store.outbox);
    }),
    { numRuns: 60 },
  );
});

async function kindOf(outcomes: Promise<EnqueueOutcome[]>): Promise<string> {
  return outcomes.then(
    ([outcome]) => outcome?.kind ?? 'none',
    () => 'failed',
  );
}
