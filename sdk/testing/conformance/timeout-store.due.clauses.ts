import { deepEqual, equal, ok } from 'node:assert/strict';
import { patienceOf } from './suite.ts';
import { aTimeout, created, HOUR_MS, idsOf, newWorkflow } from './timeout-store.fixtures.ts';
import type { TimeoutClause } from './timeout-store.suite.ts';
import { waitFor } from './wait-for.ts';

export const dueClauses: readonly TimeoutClause[] = [
  {
    number: 3,
    title: 'due gives what is pending and whose time has come, the earliest first',
    checks: {
      'in the order of their times, at most as many as asked for': async ({ stores: [one, other] }) => {
        const workflow = newWorkflow();
        await created(one, workflow, [
          { id: 'second', inMs: -2 * HOUR_MS },
          { id: 'first', inMs: -3 * HOUR_MS },
          { id: 'later', inMs: HOUR_MS },
          { id: 'third', inMs: -HOUR_MS },
        ]);
        deepEqual(idsOf(await other.due(workflow, 2)), ['first', 'second']);
        deepEqual(idsOf(await other.due(workflow, 10)), ['first', 'second', 'third']);
      },
      'one becomes due by itself, and not before its time': async (subject) => {
        const [one, other] = subject.stores;
        const timeout = aTimeout(newWorkflow(), { inMs: HOUR_MS });
        const probe = aTimeout(timeout.workflow, { inMs: HOUR_MS });
        await one.create(timeout);
        await one.postpone(timeout, 200);
        const due = await waitFor(async () => (await other.due(timeout.workflow, 10))[0], {
          within: patienceOf(subject),
          what: 'the timeout to be due',
        });
        // The store's own clock, a moment later.
        await one.create(probe);
        const now = (await one.get(probe))?.createdAt;
        ok(now && due.expiresAt <= now, `due at ${due.expiresAt.toISOString()}, given before`);
      },
    },
  },
  {
    number: 4,
    title: 'complete and cancel end a pending timeout once',
    checks: {
      'of any number of callers one is told that it did': async ({ stores }) => {
        const timeout = aTimeout(newWorkflow());
        await stores[0].create(timeout);
        const ends = [0, 1, 0, 1, 0, 1].map((which) => {
          const store = stores[which === 0 ? 0 : 1];
          return which === 0 ? store.complete(timeout) : store.cancel(timeout);
        });
        const told = await Promise.all(ends);
        equal(told.filter(Boolean).length, 1);
        const state = told.indexOf(true) % 2 === 0 ? 'completed' : 'cancelled';
        equal((await stores[0].get(timeout))?.state, state);
      },
      'one that has ended is never due again, and never changes': async ({ stores: [one, other] }) => {
        const workflow = newWorkflow();
        const [a, b] = await created(one, workflow, [{ id: 'a' }, { id: 'b' }]);
        ok(a && b);
        deepEqual([await one.complete(a), await one.cancel(b)], [true, true]);
        const before = await other.list(workflow, { limit: 10 });
        deepEqual(await other.due(workflow, 10), []);
        deepEqual(
          [await other.complete(a), await other.cancel(a), await other.complete(b), await other.cancel(b)],
          [false, false, false, false],
        );
        deepEqual(await one.list(workflow, { limit: 10 }), before);
        deepEqual(
          before.map(({ state }) => state),
          ['completed', 'cancelled'],
        );
        ok(before.every(({ endedAt, createdAt }) => endedAt !== null && endedAt >= createdAt));
      },
      'what is not there cannot be ended': async ({ stores: [one] }) => {
        const ref = { workflow: newWorkflow(), id: 'none' };
        deepEqual([await one.complete(ref), await one.cancel(ref)], [false, false]);
        equal(await one.get(ref), undefined);
      },
    },
  },
  {
    number: 5,
    title: 'postpone moves a pending timeout, and leaves one that has ended',
    checks: {
      'it is due no longer, and the others are': async ({ stores: [one, other] }) => {
        const workflow = newWorkflow();
        const [a] = await created(one, workflow, [{ id: 'a', inMs: -2 * HOUR_MS }, { id: 'b' }]);
        ok(a);
        equal(await other.postpone(a, HOUR_MS), true);
        deepEqual(idsOf(await one.due(workflow, 10)), ['b']);
        const moved = await one.get(a);
        ok(moved && moved.expiresAt.getTime() >= moved.createdAt.getTime() + HOUR_MS);
        equal(await other.postpone(a, -1), true);
        deepEqual(idsOf(await one.due(workflow, 10)), ['b', 'a']);
      },
      'one that has ended, or never was, stays so': async ({ stores: [one, other] }) => {
        const timeout = aTimeout(newWorkflow());
        await one.create(timeout);
        await one.cancel(timeout);
        const before = await one.get(timeout);
        equal(await other.postpone(timeout, 0), false);
        deepEqual(await one.get(timeout), before);
        equal(await other.postpone({ ...timeout, id: 'none' }, 0), false);
        deepEqual(await one.due(timeout.workflow, 10), []);
      },
    },
  },
  {
    number: 7,
    title: 'nextDueMs is how long until the first pending timeout is due',
    checks: {
      'it follows what is pending': async ({ stores: [one, other] }) => {
        const workflow = newWorkflow();
        equal(await one.nextDueMs(workflow), undefined);
        const [late, due] = await created(one, workflow, [{ inMs: 2 * HOUR_MS }, {}]);
        ok(late && due);
        equal(await other.nextDueMs(workflow), 0);
        await one.complete(due);
        await one.postpone(late, HOUR_MS);
        const left = await other.nextDueMs(workflow);
        ok(left !== undefined && left > 0 && left <= HOUR_MS, `${left} ms`);
        await one.cancel(late);
        equal(await other.nextDueMs(workflow), undefined);
      },
    },
  },
  {
    number: 9,
    title: 'workflows have nothing to do with each other',
    checks: {
      'the same id in another is another timeout': async ({ stores: [one] }) => {
        const workflow = newWorkflow();
        const next = `${workflow}}:`;
        const [a] = await created(one, workflow, [{ id: 'same' }]);
        equal(await one.nextDueMs(next), undefined);
        const [b] = await created(one, next, [{ id: 'same' }]);
        ok(a && b && (await one.complete(a)));
        deepEqual(idsOf(await one.due(next, 10)), ['same']);
        equal((await one.get(b))?.state, 'pending');
        equal(await one.purge(next, { olderThanMs: 0, limit: 10 }), 0);
        deepEqual(idsOf(await one.list(workflow, { limit: 10 })), ['same']);
        deepEqual(await one.list(next, { limit: 10, state: 'completed' }), []);
      },
    },
  },
];
