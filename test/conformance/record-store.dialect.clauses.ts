import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import type { StepId } from '../../events/ids.ts';
import { aJob, anInstance, claimOne, enqueued, jobOf, newId, unitFor } from './record-store.fixtures.ts';
import type { Clause } from './record-store.suite.ts';

export const settledWithoutClaimClause: Clause = {
  number: 20,
  title: 'a unit may be the claim and the end of a queued job in one, and a lost attempt does not count',
  checks: {
    'completes a queued job under a token of its own': async ({ store }) => {
      const { id } = await enqueued(store);
      const expect = { status: 'queued', attempt: 0 } as const;
      const change = { id, expect, status: 'completed', result: '{}', claimedBy: 'w' } as const;
      deepEqual(await store.commit({ units: [unitFor(change)] }), ['applied']);
      const done = await jobOf(store, id);
      deepEqual([done.status, done.attempt, done.workerId, done.leaseUntil], ['completed', 1, 'w', null]);
      notEqual(done.token, null);
      ok(done.startedAt && done.completedAt);
      deepEqual(await store.commit({ units: [unitFor(change)] }), ['conflict']);
    },
    'records the attempt that begins and fails with it': async ({ store }) => {
      const { id } = await enqueued(store);
      const change = {
        id,
        expect: { status: 'queued', attempt: 0 },
        status: 'retrying',
        claimedBy: 'w',
        lastError: 'no',
        endedAttempt: { attempt: 1, error: 'no' },
        delayMs: 60_000,
      } as const;
      deepEqual(await store.commit({ units: [unitFor(change)] }), ['applied']);
      const { status, attempt, pastAttempts } = await jobOf(store, id);
      deepEqual([status, attempt], ['retrying', 1]);
      const [past] = pastAttempts;
      deepEqual([past?.attempt, past?.worker_id, past?.error], [1, 'w', 'no']);
      notEqual(past?.started_at, null);
    },
    'gives an attempt back that was lost': async ({ store }) => {
      const { id } = await enqueued(store, aJob({ maxRetries: 0 }));
      for (let lost = 1; lost <= 3; lost += 1) {
        const { attempt, token } = await claimOne(store, id);
        const expect = { status: 'running', attempt, token } as const;
        const back = { id, expect, status: 'retrying', delayMs: 0, attemptIsLost: true } as const;
        const queue = { id, expect: { status: 'retrying', attempt }, status: 'queued' } as const;
        deepEqual(await store.commit({ units: [unitFor(back)] }), ['applied']);
        deepEqual(await store.commit({ units: [unitFor(queue)] }), ['applied']);
        equal((await jobOf(store, id)).attemptBase, lost);
      }
    },
    'marks the lease of a lenient poll, and unmarks it with the next claim': async ({ store }) => {
      const type = `lenient-${newId()}` as StepId;
      const { id } = await enqueued(store, aJob({ type }));
      const request = { types: [type], limit: 1, payloadBytes: 1000, workerId: 'w', leaseMs: 60_000 };
      const [polled] = await store.poll({ ...request, claimId: randomUUID(), lenient: true });
      equal(polled?.lenientLease, true);
      const expect = { status: 'running', attempt: 1 } as const;
      await store.commit({ units: [unitFor({ id, expect, status: 'retrying', delayMs: 0 })] });
      const waits = { status: 'retrying', attempt: 1 } as const;
      await store.commit({ units: [unitFor({ id, expect: waits, status: 'queued' })] });
      equal((await claimOne(store, id)).lenientLease, false);
    },
  },
};

export const pagedClause: Clause = {
  number: 21,
  title: 'pages by number come in order, and count all that the filter describes',
  checks: {
    'of instances': async ({ store }) => {
      const foreignId = newId();
      const instances = Array.from({ length: 5 }, () => ({ ...anInstance(), foreignId }));
      await store.start(instances);
      await store.start([anInstance()]);
      const newest = instances.map(({ id }) => id).sort((a, b) => (a < b ? 1 : -1));
      const page = await store.pageInstances({ foreignId, offset: 2, limit: 2 });
      equal(page.total, 5);
      deepEqual(
        page.items.map(({ id }) => id),
        newest.slice(2, 4),
      );
      deepEqual(await store.pageInstances({ foreignId, offset: 9, limit: 2 }), { items: [], total: 5 });
      const total = async (more: object) =>
        (await store.pageInstances({ foreignId, offset: 0, limit: 1, ...more })).total;
      equal(await total({ statuses: ['running'] }), 5);
      equal(await total({ statuses: ['failed', 'cancelled'] }), 0);
      equal(await total({ waiting: true }), 0);
      equal(await total({ waiting: false }), 5);
      equal(await total({ definitionId: 'another' }), 0);
    },
    'of instances that wait for somebody': async ({ store }) => {
      const id = `waits-${newId()}`;
      const steps = [{ id: 'hold', name: 'Hold', type: 'WAIT', nextStep: 'end' }];
      const document = JSON.stringify({ id, name: 'Waits', steps });
      const { version } = await store.putDefinition({
        id,
        name: 'Waits',
        document,
        hash: hashOf(id),
      });
      const { inline: _, ...own } = anInstance();
      const timers: [] = [];
      const token = { step: 'hold', fork: null, activation: 0, since: 0, timers };
      await store.start([
        { ...own, definition: { id, version }, state: { ...own.state, tokens: [token] }, jobs: [] },
      ]);
      const total = async (waiting: boolean) =>
        (await store.pageInstances({ definitionId: id, waiting, offset: 0, limit: 9 })).total;
      deepEqual([await total(true), await total(false)], [1, 0]);
    },
    'of definitions, each with its latest version': async ({ store }) => {
      const word = `Paged-${newId()}`;
      for (const [id, name] of [
        [`${word}-b`, 'B'],
        [`${word}-a`, 'A'],
        [`${word}-a`, 'A again'],
        ['c', word.toUpperCase()],
      ] as const) {
        await store.putDefinition({ id, name, document: '{}', hash: hashOf(`${id}${name}`) });
      }
      const page = await store.pageDefinitions({ keyword: word, offset: 0, limit: 2 });
      equal(page.total, 3);
      deepEqual(
        page.items.map(({ id, name, version }) => [id, name, version]),
        [
          [`${word}-a`, 'A again', 2],
          [`${word}-b`, 'B', 1],
        ],
      );
      const beyond = await store.pageDefinitions({ keyword: word, offset: 7, limit: 2 });
      deepEqual(beyond, { items: [], total: 3 });
    },
  },
};

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
