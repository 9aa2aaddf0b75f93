import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import type { InstanceChange } from '../../engine/commit.ts';
import type { RecordStore } from '../../engine/ports/record-store.ts';
import type { HistoryEntry } from '../../engine/workflow/effects.ts';
import type { InstanceId, JobId, StepId } from '../../events/ids.ts';
import {
  aChange,
  aJob,
  anInstance,
  cancelInstance,
  claimed,
  claimOne,
  enqueued,
  jobOf,
  newId,
  type StartedInstance,
  unitFor,
} from './record-store.fixtures.ts';
import type { Clause } from './record-store.suite.ts';

const HOUR_MS = 3_600_000;

export const cancelInstanceClause: Clause = {
  number: 11,
  title: 'a unit ends jobs of its instance, and writes all that belongs to it',
  checks: {
    'ends the instance, its open jobs and their leases, and says so in the trail': async ({ store }) => {
      const { id, jobId } = await runningInstance(store);
      const outcome = await cancelInstance(store, { id, expectedVersion: 1, actor: 'ada', reason: 'no use' });
      equal(outcome, 'applied');
      const found = await store.getInstance(id);
      deepEqual([found?.instance.status, found?.instance.version], ['cancelled', 2]);
      equal(found?.instance.failureReason, 'no use');
      ok(found?.instance.completedAt);
      const job = await jobOf(store, jobId);
      deepEqual([job.status, job.leaseUntil], ['cancelled', null]);
      ok(job.completedAt);
      equal(job.pastAttempts.at(-1)?.attempt, 1);
      const [entry] = (await store.listAudit({ jobId })).filter(({ action }) => action === 'JOB_CANCELLED');
      deepEqual(JSON.parse(entry?.detail ?? ''), { from: 'running', reason: 'no use' });
      equal(entry?.actor, 'ada');
      const trail = (await store.listAudit({ instanceId: id })).map(({ action }) => action);
      ok(trail.includes('WORKFLOW_CANCELLED'));
    },
    'changes nothing at another version': async ({ store }) => {
      const { id, jobId } = await runningInstance(store);
      equal(await cancelInstance(store, { id, expectedVersion: 2, actor: 'a' }), 'conflict');
      equal((await jobOf(store, jobId)).status, 'running');
      await cancelInstance(store, { id, expectedVersion: 1, actor: 'a' });
      equal(await cancelInstance(store, { id, expectedVersion: 1, actor: 'a' }), 'conflict');
      equal((await store.getInstance(id))?.instance.version, 2);
      const unknown = newId() as string as InstanceId;
      equal(await cancelInstance(store, { id: unknown, expectedVersion: 1, actor: 'a' }), 'conflict');
    },
    'leaves what has ended, and every other instance': async ({ store }) => {
      const { id, jobId, unit } = await runningInstance(store);
      const other = await runningInstance(store);
      const next = aJob({ instanceId: id, stepIndex: 1 });
      await store.commit({ units: [{ ...unit, enqueue: [next] }] });
      equal(await cancelInstance(store, { id, expectedVersion: 2, actor: 'a' }), 'applied');
      equal((await jobOf(store, jobId)).status, 'completed');
      equal((await jobOf(store, next.id)).status, 'cancelled');
      equal((await jobOf(store, other.jobId)).status, 'running');
    },
    'keeps history, user tasks and messages with the change, and gives them back': async ({ store }) => {
      const { id } = await runningInstance(store);
      const other = await runningInstance(store);
      const history: HistoryEntry[] = [
        {
          activation: 0,
          step: 'one',
          type: 'USER_TASK',
          status: 'completed',
          startedAt: 1000,
          endedAt: 2000,
        },
        {
          ...{ activation: 0, step: 'one', type: 'TIMER', status: 'fired', reason: 'why' },
          ...{ startedAt: 1000, endedAt: 3000 },
        } as const,
      ];
      const openTasks = [{ activation: 4, step: 'ask', name: 'Ask' }];
      const tell = [{ to: { id: other.id }, text: '{"b":1,"a":2}' }];
      const told = { ...aChange(id, 1), variables: '{"n":1.0}', history, openTasks, tell };
      const commit = (instance: InstanceChange) =>
        store.commit({ units: [{ instance, enqueue: [], audit: [] }] });
      deepEqual(await commit({ ...told, expectedVersion: 7 }), ['conflict']);
      deepEqual(await store.listUserTasks({ limit: 9 }), []);
      deepEqual(await commit(told), ['applied']);
      deepEqual((await store.getInstance(id))?.history, history);
      equal((await store.loadInstance(id))?.variables, '{"n":1.0}');
      const [task] = await store.listUserTasks({ instanceId: id, step: 'ask', limit: 9 });
      deepEqual([task?.instanceId, task?.activation, task?.name], [id, 4, 'Ask']);
      const [due] = await store.dueInstances(9);
      deepEqual([due?.instance.id, due?.message?.text], [other.id, '{"b":1,"a":2}']);
      equal(await store.nextInstanceDueMs(), 0);
      await commit({ ...aChange(other.id, 1), message: due?.message?.id ?? '' });
      await commit({ ...aChange(id, 2), closeTasks: [4] });
      deepEqual(await store.dueInstances(9), []);
      deepEqual(await store.listUserTasks({ limit: 9 }), []);
      equal((await store.loadInstance(id))?.variables, '{"n":1.0}');
    },
    'begins other instances with the change, or not at all': async ({ store }) => {
      const { id } = await runningInstance(store);
      const [stale, begun] = [anInstance(), anInstance()];
      const unit = (version: number, start: StartedInstance) =>
        ({ instance: aChange(id, version), start: [start], enqueue: [], audit: [] }) as const;
      deepEqual(await store.commit({ units: [unit(9, stale), unit(1, begun)] }), ['conflict', 'applied']);
      equal(await store.getInstance(stale.id), undefined);
      const found = await store.getInstance(begun.id);
      deepEqual([found?.instance.status, found?.jobs[0]?.status], ['running', 'queued']);
      equal(found?.instance.variables, begun.variables);
    },
    'and a unit of commit at the same time: one is applied': async ({ store }) => {
      const { id, unit } = await runningInstance(store);
      const next = aJob({ instanceId: id, stepIndex: 1 });
      const [cancelled, [committed]] = await Promise.all([
        cancelInstance(store, { id, expectedVersion: 1, actor: 'a' }),
        store.commit({ units: [{ ...unit, enqueue: [next] }] }),
      ]);
      notEqual(cancelled, committed);
      equal((await store.getJobs([next.id])).length, committed === 'applied' ? 1 : 0);
    },
  },
};

export const deadLetterClause: Clause = {
  number: 12,
  title: 'dead letters are found as described, and redriven with a fresh budget',
  checks: {
    'are listed newest first and numbered oldest first, page by page, and nothing else': async ({
      store,
    }) => {
      const ids: JobId[] = [];
      for (let n = 0; n < 5; n += 1) ids.push((await deadLetter(store)).id);
      await claimed(store);
      await enqueued(store);
      const first = await store.listDeadLetters({}, { limit: 3 });
      const second = await store.listDeadLetters({}, { limit: 3, before: first.at(-1)?.id });
      const idsOf = (jobs: readonly { readonly id: JobId }[]) => jobs.map(({ id }) => id);
      deepEqual([...idsOf(first), ...idsOf(second)], [...ids].reverse());
      const front = await store.deadLetterIds({}, { limit: 3 });
      const back = await store.deadLetterIds({}, { limit: 3, after: front.at(-1) });
      deepEqual([...front, ...back], ids);
    },
    'are filtered by id, type, time and words of the error': async ({ store }) => {
      const mail = await deadLetter(store, { type: 'mail' as StepId, error: 'Timeout at noon' });
      const disk = await deadLetter(store, { error: 'out of disk' });
      const found = async (filter: Parameters<RecordStore['deadLetterIds']>[0]) => {
        const ids = await store.deadLetterIds(filter, { limit: 9 });
        const listed = await store.listDeadLetters(filter, { limit: 9 });
        deepEqual(listed.map(({ id }) => id).reverse(), ids);
        return ids;
      };
      const queued = await enqueued(store);
      deepEqual(await found({ ids: [disk.id, queued.id] }), [disk.id]);
      deepEqual(await found({ type: 'mail' as StepId }), [mail.id]);
      deepEqual(await found({ errorContains: 'TIMEOUT' }), [mail.id]);
      deepEqual(await found({ errorContains: '%' }), []);
      const ended = (await jobOf(store, mail.id)).completedAt?.getTime() ?? 0;
      deepEqual(await found({ endedBefore: new Date(ended - HOUR_MS) }), []);
      deepEqual(await found({ endedAfter: new Date(ended - HOUR_MS) }), [mail.id, disk.id]);
    },
    'have all their retries again after a redrive, their attempts counted on': async ({ store }) => {
      const { id } = await deadLetter(store, { maxRetries: 0 });
      const expect = { status: 'dead_letter', attempt: 1 } as const;
      const redrive = unitFor({ id, expect, status: 'queued', freshRetries: true });
      deepEqual(await store.commit({ units: [redrive] }), ['applied']);
      deepEqual(await store.commit({ units: [redrive] }), ['conflict']);
      const queued = await jobOf(store, id);
      deepEqual([queued.status, queued.attempt, queued.attemptBase], ['queued', 1, 1]);
      equal(queued.completedAt, null);
      equal((await claimOne(store, id)).attempt, 2);
      equal((await jobOf(store, id)).pastAttempts.length, 1);
    },
    'have no attempt forgiven by any other move': async ({ store }) => {
      const { id, token } = await claimed(store);
      const moves = [
        { expect: { status: 'running', attempt: 1, token }, status: 'retrying', delayMs: 0 },
        { expect: { status: 'retrying', attempt: 1 }, status: 'queued' },
        { expect: { status: 'queued', attempt: 1 }, status: 'dead_letter', lastError: 'x' },
      ] as const;
      for (const move of moves) {
        deepEqual(await store.commit({ units: [unitFor({ id, ...move })] }), ['applied']);
        equal((await jobOf(store, id)).attemptBase, 0);
      }
    },
    'bring their instance back without the reason it failed for': async ({ store }) => {
      const { id, unit } = await runningInstance(store);
      const failed = { ...aChange(id, 1, 'failed'), failureReason: 'x' };
      await store.commit({
        units: [{ ...unit, job: { ...unit.job, status: 'dead_letter' }, instance: failed }],
      });
      const resumed = aChange(id, 2);
      const expect = { status: 'dead_letter', attempt: 1 } as const;
      const redrive = unitFor({ id: unit.job.id, expect, status: 'queued', freshRetries: true });
      await store.commit({ units: [{ ...redrive, instance: resumed }] });
      const found = await store.getInstance(id);
      deepEqual([found?.instance.status, found?.instance.failureReason], ['running', null]);
      equal(found?.instance.completedAt, null);
    },
    'keep their retry settings': async ({ store }) => {
      const retry = { base_ms: 5, jitter: 0 };
      const { id } = await enqueued(store, aJob({ retry }));
      deepEqual((await jobOf(store, id)).retry, retry);
      equal((await jobOf(store, (await enqueued(store)).id)).retry, null);
    },
  },
};

export async function runningInstance(store: RecordStore) {
  const instance = anInstance();
  await store.start([instance]);
  const { id: jobId, token } = await claimOne(store, instance.firstJob.id);
  const expect = { status: 'running', attempt: 1, token } as const;
  const unit = {
    ...unitFor({ id: jobId, expect, status: 'completed', result: '1' }),
    instance: aChange(instance.id, 1),
  };
  return { id: instance.id, jobId, unit };
}

export async function deadLetter(
  store: RecordStore,
  options: { readonly type?: StepId; readonly error?: string; readonly maxRetries?: number } = {},
) {
  const { error = 'no luck', ...job } = options;
  const { id, token } = await claimed(store, { job: await enqueued(store, aJob(job)) });
  const expect = { status: 'running', attempt: 1, token } as const;
  const endedAttempt = { attempt: 1, error };
  const change = { id, expect, status: 'dead_letter', lastError: error, endedAttempt } as const;
  await store.commit({ units: [unitFor(change)] });
  return { id };
}

export const definitionClause: Clause = {
  number: 18,
  title: 'putDefinition numbers the versions of a definition',
  checks: {
    'gives a new document the next version, and a known one its own': async ({ store }) => {
      const put = (id: string, document: string) =>
        store.putDefinition({ id, name: `Name of ${id}`, document, hash: Buffer.from(document.padEnd(32)) });
      const first = await put('a', '{"b":1,"a":1.0}');
      equal((await put('a', '{"x":2}')).version, 2);
      equal((await put('b', '{"x":2}')).version, 1);
      deepEqual(await put('a', '{"b":1,"a":1.0}'), first);
      equal((await store.getDefinition('a'))?.version, 2);
      equal((await store.getDefinition('a', 1))?.document, '{"b":1,"a":1.0}');
      equal(await store.getDefinition('a', 3), undefined);
      equal(await store.getDefinition('c'), undefined);
      const listed = await store.listDefinitions({ limit: 9 });
      deepEqual(
        listed.map(({ id, version }) => [id, version]),
        [
          ['a', 2],
          ['b', 1],
        ],
      );
      deepEqual((await store.listDefinitions({ keyword: 'OF B', limit: 9 })).length, 1);
      deepEqual((await store.listDefinitions({ after: 'a', limit: 9 })).length, 1);
    },
    'and one that instances bring with them is kept once, and not listed': async ({ store }) => {
      const [one, other] = [anInstance(), anInstance()];
      await store.start([one, other]);
      await store.start([anInstance()]);
      deepEqual((await store.loadInstance(one.id))?.definition, one.definition);
      const { id, version } = one.definition;
      const found = await store.getDefinition(id, version);
      deepEqual([found?.name, found?.document], [one.inline?.name, one.inline?.document]);
      equal((await store.getDefinition(id))?.version, 1);
      deepEqual(await store.listDefinitions({ limit: 9 }), []);
    },
    'and the trail of each is that of the job it begins with': async ({ store }) => {
      const [one, other] = [anInstance(), anInstance()];
      await store.start([one, other]);
      const actions = async (subject: { jobId: JobId } | { instanceId: InstanceId }) =>
        (await store.listAudit(subject)).map(({ action }) => action);
      for (const { id, firstJob } of [one, other]) {
        deepEqual(await actions({ instanceId: id }), ['WORKFLOW_STARTED']);
        deepEqual(await actions({ jobId: firstJob.id }), ['WORKFLOW_STARTED']);
      }
    },
    'gives each of many new documents at the same time a version of its own': async ({ store }) => {
      const stored = await Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          store.putDefinition({ id: 'a', name: 'A', document: `${n}`, hash: Buffer.from(`${n}`.padEnd(32)) }),
        ),
      );
      deepEqual(stored.map(({ version }) => version).sort(), [1, 2, 3, 4, 5, 6, 7, 8]);
    },
  },
};

export const dueInstanceClause: Clause = {
  number: 19,
  title: 'dueInstances gives those whose time has come',
  checks: {
    'and no others, soonest first': async ({ store }) => {
      const at = (ms: number) => new Date(Date.now() + ms);
      const [late, later, soon, never] = [anInstance(), anInstance(), anInstance(), anInstance()];
      const dues = [
        { ...later, dueAt: at(-HOUR_MS) },
        { ...late, dueAt: at(-2 * HOUR_MS) },
        { ...soon, dueAt: at(HOUR_MS) },
      ];
      await store.start([...dues, never]);
      const ids = (await store.dueInstances(9)).map(({ instance }) => instance.id);
      deepEqual([...ids].sort(), [late.id, later.id].sort());
      equal((await store.dueInstances(1))[0]?.instance.id, late.id);
      equal(await store.nextInstanceDueMs(), 0);
      const settle = (instance: InstanceChange) =>
        store.commit({ units: [{ instance, enqueue: [], audit: [] }] });
      await settle(aChange(late.id, 1));
      await settle(aChange(later.id, 1, 'paused'));
      deepEqual(await store.dueInstances(9), []);
      const next = (await store.nextInstanceDueMs()) ?? 0;
      ok(next > HOUR_MS / 2 && next <= HOUR_MS);
    },
  },
};
