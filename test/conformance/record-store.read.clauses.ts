import { deepEqual, equal, ok } from 'node:assert/strict';
import type { JobId, StepId } from '../../events/ids.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { redispatched } from './record-store.commit.clauses.ts';
import {
  aDispatchedJob,
  aJob,
  aKeyedJob,
  anInstance,
  claimed,
  enqueued,
  jobOf,
  messageOf,
} from './record-store.fixtures.ts';
import type { Clause } from './record-store.suite.ts';

export const outboxClause: Clause = {
  number: 7,
  title: 'a job that goes to dispatch has its outbox row, and no other has one',
  checks: {
    'enqueue writes a message for each job that has one, in order': async ({ store, outbox }) => {
      const jobs = [aDispatchedJob(), aJob(), aDispatchedJob(), aDispatchedJob({ type: 'other' as StepId })];
      await store.enqueue(jobs);
      const rows = await outbox();
      const ofTopic = (topic: string) => rows.filter((row) => row.topic === topic).map(({ jobId }) => jobId);
      deepEqual(ofTopic('workflow.jobs.conformance'), [jobs[0]?.id, jobs[2]?.id]);
      deepEqual(ofTopic('workflow.jobs.other'), [jobs[3]?.id]);
      equal((await jobOf(store, jobs[0]?.id as JobId)).dispatches, 1);
    },
    'a replay and a conflict write none': async ({ store, outbox }) => {
      await enqueued(store, aKeyedJob('key', 'one'));
      const dispatched = (hash: string) => {
        const job = aKeyedJob('key', hash);
        return { ...job, dispatch: messageOf(job) };
      };
      await store.enqueue([dispatched('one')]);
      await store.enqueue([dispatched('two')]);
      await store.enqueue([aDispatchedJob(), dispatched('two')], { allOrNone: true });
      deepEqual(await outbox(), []);
    },
    'starting an instance writes that of its first job': async ({ store, outbox }) => {
      const [plain, dispatched] = [anInstance(), anInstance({ dispatched: true })];
      await store.start([plain, dispatched]);
      deepEqual(
        (await outbox()).map(({ jobId }) => jobId),
        [dispatched.firstJob.id],
      );
    },
    'commit writes that of a job which goes to dispatch again': async ({ store, outbox }) => {
      const { unit, id } = await redispatched(store);
      await store.commit({ units: [unit] });
      deepEqual(
        (await outbox()).map(({ jobId }) => jobId),
        [id],
      );
      equal((await jobOf(store, id)).dispatches, 1);
    },
    'commit writes that of a job it adds, and none for a unit in conflict': async ({ store, outbox }) => {
      const next = aDispatchedJob();
      const { unit } = await redispatched(store);
      const stale = await redispatched(store);
      const conflict = {
        ...stale.unit,
        job: { ...stale.unit.job, expect: { status: 'queued', attempt: 4 } },
      } as const;
      const { dispatch: _, ...undispatched } = unit.job;
      await store.commit({ units: [{ ...unit, job: undispatched, enqueue: [next] }, conflict] });
      deepEqual(
        (await outbox()).map(({ jobId }) => jobId),
        [next.id],
      );
    },
  },
};

export const listClause: Clause = {
  number: 8,
  title: 'lists are newest first, and paging meets every job once',
  checks: {
    'meets every job once, newest first': async ({ store }) => {
      const jobs = Array.from({ length: 25 }, () => aJob());
      await store.enqueue(jobs);
      const met: JobId[] = [];
      for (let before: JobId | undefined; ; before = met.at(-1)) {
        const page = await store.listJobs({ before, limit: 10 });
        met.push(...page.map(({ id }) => id));
        if (page.length < 10) break;
      }
      deepEqual(
        met,
        jobs
          .map(({ id }) => id)
          .sort()
          .reverse(),
      );
    },
    'filters by state and type': async ({ store }) => {
      const running = await claimed(store);
      const other = await enqueued(store, aJob({ type: 'other' as StepId }));
      await enqueued(store);
      const ids = async (filter: Parameters<typeof store.listJobs>[0]) =>
        (await store.listJobs(filter)).map(({ id }) => id);
      deepEqual(await ids({ status: 'running', limit: 10 }), [running.id]);
      deepEqual(await ids({ type: 'other' as StepId, limit: 10 }), [other.id]);
      deepEqual(await ids({ type: 'other' as StepId, status: 'running', limit: 10 }), []);
    },
    'finds jobs by a part of their payload, key or id, and between two others': async ({ store }) => {
      const [oldest, hay] = [await enqueued(store), await enqueued(store)];
      const needle = await enqueued(store, aJob({ payload: '{"to":"Ada%_<b>"}' }));
      const ids = async (filter: Partial<Parameters<typeof store.listJobs>[0]>) =>
        (await store.listJobs({ limit: 10, ...filter })).map(({ id }) => id);
      deepEqual(await ids({ text: 'ADA%_<B>' }), [needle.id]);
      deepEqual(await ids({ text: 'ada%%' }), []);
      deepEqual(await ids({ text: hay.id }), [hay.id]);
      deepEqual(await ids({ text: needle.id, before: needle.id }), []);
      deepEqual(await ids({ after: oldest.id, before: needle.id }), [hay.id]);
    },
    'counts by state': async ({ store }) => {
      await claimed(store);
      await enqueued(store);
      await enqueued(store);
      deepEqual(await store.counts(), { queueDepth: 2, running: 1, deadLetterDepth: 0 });
    },
    'keeps what a type declares, until whoever knows says otherwise': async ({ store }) => {
      const [a, b] = ['a' as StepId, 'b' as StepId];
      const policy = { unique: { by: 'x' } };
      await store.registerTypes([b, a], new Map([[a, policy]]));
      await store.registerTypes([a, b]);
      deepEqual(await store.listPolicies(), [{ type: a, policy }]);
      await store.registerTypes([b], new Map([[b, {}]]));
      await store.registerTypes([a], new Map());
      deepEqual(await store.listPolicies(), [{ type: b, policy: {} }]);
    },
    'registers types once': async ({ store }) => {
      await store.registerTypes(['b' as StepId, 'a' as StepId]);
      await store.registerTypes(['a' as StepId]);
      deepEqual(await store.listTypes(), ['a', 'b']);
    },
  },
};

export const deadlineClause: Clause = {
  number: 10,
  title: "deadlines are set and compared by the store's clock",
  checks: {
    'a lease is expired once it has run out, and not before': async ({ store }) => {
      const [short, long] = [await claimed(store, { leaseMs: 1 }), await claimed(store)];
      const expired = async () => (await store.expiredLeases(10)).map(({ job }) => job.id);
      await waitFor(async () => (await expired()).includes(short.id), {
        within: 5_000,
        what: 'the lease to expire',
      });
      ok(!(await expired()).includes(long.id));
    },
    'a job is due once its time has come, and not before': async ({ store }) => {
      const soon = await enqueued(store, aJob({ status: 'pending', runAt: new Date(Date.now() - 1000) }));
      await enqueued(store, aJob({ status: 'pending', runAt: new Date(Date.now() + 60_000) }));
      await enqueued(store);
      deepEqual(
        (await store.dueJobs(10)).map(({ id }) => id),
        [soon.id],
      );
    },
    'a queued job that nobody claims is found after a while': async ({ store }) => {
      const lost = await enqueued(store);
      await claimed(store);
      await waitFor(async () => (await store.unclaimedJobs(1, 10)).length > 0, { within: 5_000 });
      deepEqual(
        (await store.unclaimedJobs(1, 10)).map(({ id }) => id),
        [lost.id],
      );
      deepEqual(await store.unclaimedJobs(60_000, 10), []);
      // Those of a type whose messages wait for their workers are younger than they look.
      const [{ type } = { type: '' as StepId }] = await store.unclaimedJobs(1, 10);
      deepEqual(await store.unclaimedJobs(1, 10, new Map([[type, 60_000]])), []);
      deepEqual((await store.unclaimedJobs(1, 10, new Map([['other' as StepId, 60_000]]))).length, 1);
    },
    'a queued job that never went to a broker is found, at once': async ({ store }) => {
      const polled = await enqueued(store);
      await enqueued(store, aDispatchedJob());
      await claimed(store);
      deepEqual(
        (await store.undispatchedJobs(10)).map(({ id }) => id),
        [polled.id],
      );
    },
    'a job that was dispatched and is queued again without a message is found, until it has one': async ({
      store,
    }) => {
      const job = await enqueued(store, aDispatchedJob());
      const requeue = { id: job.id, expect: { status: 'queued', attempt: 0 }, status: 'queued' } as const;
      const found = async () => (await store.undispatchedJobs(10)).map(({ id }) => id);
      await store.commit({ units: [{ job: requeue, enqueue: [], audit: [] }] });
      deepEqual(await found(), [job.id]);
      const { dispatch } = aDispatchedJob();
      if (!dispatch) throw new Error('the fixture has a message');
      await store.commit({ units: [{ job: { ...requeue, dispatch }, enqueue: [], audit: [] }] });
      deepEqual(await found(), []);
    },
    'an undecodable record may come again': async ({ store }) => {
      const record = {
        topic: 't',
        partition: 0,
        offset: 5n,
        key: null,
        value: Buffer.from([1]),
        reason: 'x',
      };
      await store.recordUndecodable([record]);
      await store.recordUndecodable([record, { ...record, offset: 6n }]);
    },
  },
};
