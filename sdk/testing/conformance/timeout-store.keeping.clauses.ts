import { deepEqual, equal, ok } from 'node:assert/strict';
import { isMillraceError } from '../../../engine/errors.ts';
import type { NewTimeout, Timeout, TimeoutStore } from '../../../engine/ports/timeout-store.ts';
import { patienceOf } from './suite.ts';
import { aTimeout, created, HOUR_MS, idsOf, newWorkflow } from './timeout-store.fixtures.ts';
import type { TimeoutClause, TimeoutsUnderTest } from './timeout-store.suite.ts';
import { waitFor } from './wait-for.ts';

export const keepingClauses: readonly TimeoutClause[] = [
  {
    number: 1,
    title: 'when create resolves, the timeout is stored',
    checks: {
      'every client sees it as it was given, to the millisecond': async ({ stores: [one, other] }) => {
        const timeout = {
          ...aTimeout(newWorkflow(), { id: 'ü "1"/a' }),
          expiresAt: new Date(1_700_000_000_123),
        };
        await one.create(timeout);
        const seen = await other.get(timeout);
        deepEqual(given(seen), timeout);
        deepEqual([seen?.state, seen?.endedAt], ['pending', null]);
        ok(seen && Math.abs(seen.createdAt.getTime() - Date.now()) < HOUR_MS);
        deepEqual(await other.list(timeout.workflow, { limit: 1 }), [seen]);
        deepEqual(await other.due(timeout.workflow, 1), [seen]);
      },
      'what is not there is undefined': async ({ stores: [one] }) => {
        equal(await one.get({ workflow: newWorkflow(), id: 'none' }), undefined);
      },
      'it is there after whatever holds it was killed and began again': async (subject) => {
        if (!subject.restart) return;
        const [one, other] = subject.stores;
        const workflow = newWorkflow();
        const [pending, ended] = await created(one, workflow, [{ id: 'a' }, { id: 'b' }]);
        ok(pending && ended && (await one.complete(ended)));
        await keptOver(subject, pending, subject.restart);
        deepEqual(idsOf(await other.due(workflow, 10)), ['a']);
        equal((await other.get(ended))?.state, 'completed');
        equal(await other.cancel(pending), true);
      },
    },
  },
  {
    number: 2,
    title: 'an id is one timeout of its workflow',
    checks: {
      'of concurrent creates one writes': async ({ stores }) => {
        const timeout = aTimeout(newWorkflow());
        const creates = [0, 1, 0, 1, 0, 1, 0, 1].map((which) => stores[which === 0 ? 0 : 1].create(timeout));
        equal((await Promise.all(creates)).filter(Boolean).length, 1);
        deepEqual(idsOf(await stores[0].list(timeout.workflow, { limit: 10 })), [timeout.id]);
      },
      'creating it again changes nothing': async ({ stores: [one, other] }) => {
        const timeout = aTimeout(newWorkflow());
        equal(await one.create(timeout), true);
        equal(await other.create({ ...timeout, runId: 'another', expiresAt: new Date(0) }), false);
        deepEqual(given(await one.get(timeout)), timeout);
      },
      'nor does it once the timeout has ended': async ({ stores: [one, other] }) => {
        const timeout = aTimeout(newWorkflow());
        await one.create(timeout);
        await one.complete(timeout);
        equal(await other.create(timeout), false);
        equal((await other.get(timeout))?.state, 'completed');
        deepEqual(await other.due(timeout.workflow, 10), []);
      },
    },
  },
  {
    number: 6,
    title: 'list gives every timeout once, by id, of one state or of all, page by page',
    checks: {
      'pages follow each other without a gap': async ({ stores: [one, other] }) => {
        const workflow = newWorkflow();
        const ids = ['a', 'B', 'aa', 'é', 'Z', '10', '9', 'a b'];
        await created(
          one,
          workflow,
          ids.map((id) => ({ id })),
        );
        const seen: string[] = [];
        for (let page = idsOf(await other.list(workflow, { limit: 3 })); page.length > 0; ) {
          seen.push(...page);
          ok(page.length <= 3 && seen.length <= ids.length);
          page = idsOf(await other.list(workflow, { limit: 3, after: page.at(-1) }));
        }
        deepEqual(seen, ['10', '9', 'B', 'Z', 'a', 'a b', 'aa', 'é']);
      },
      'a state leaves the others out': async ({ stores: [one] }) => {
        const workflow = newWorkflow();
        const [, b, c] = await created(
          one,
          workflow,
          ['a', 'b', 'c'].map((id) => ({ id })),
        );
        ok(b && c && (await one.complete(b)) && (await one.cancel(c)));
        const of = async (state: Timeout['state']) => idsOf(await one.list(workflow, { state, limit: 10 }));
        deepEqual([await of('pending'), await of('completed'), await of('cancelled')], [['a'], ['b'], ['c']]);
        deepEqual(await one.list(workflow, { state: 'completed', limit: 10, after: 'b' }), []);
      },
    },
  },
  {
    number: 8,
    title: 'purge forgets what ended long enough ago, and no more',
    checks: {
      'it keeps what is pending and what ended a moment ago': async ({ stores: [one] }) => {
        const workflow = newWorkflow();
        const [a] = await created(one, workflow, [{ id: 'a' }, { id: 'b' }]);
        ok(a && (await one.complete(a)));
        equal(await one.purge(workflow, { olderThanMs: HOUR_MS, limit: 10 }), 0);
        equal(await one.purge(workflow, { olderThanMs: 0, limit: 10 }), 1);
        deepEqual(idsOf(await one.list(workflow, { limit: 10 })), ['b']);
        deepEqual(idsOf(await one.due(workflow, 10)), ['b']);
        deepEqual(await one.list(workflow, { state: 'completed', limit: 10 }), []);
        equal(await one.create(a), true);
      },
      'it forgets at most as many as asked for': async ({ stores: [one] }) => {
        const workflow = newWorkflow();
        for (const timeout of await created(one, workflow, [{}, {}, {}])) await one.cancel(timeout);
        const options = { olderThanMs: 0, limit: 2 };
        deepEqual([await one.purge(workflow, options), await one.purge(workflow, options)], [2, 1]);
        deepEqual(await one.list(workflow, { limit: 10 }), []);
      },
    },
  },
];

/** Asks for it all the while: each answer is the timeout, or a failure that says to try again. */
async function keptOver(
  subject: TimeoutsUnderTest,
  timeout: NewTimeout,
  restart: () => Promise<void>,
): Promise<void> {
  let isOver = false;
  const restarting = restart().finally(() => {
    isOver = true;
  });
  const last = await waitFor(
    async () => {
      const isLast = isOver;
      const answer = await answerOf(subject.stores[1], timeout);
      return (answer.is === 'wrong' || (answer.is === 'kept' && isLast)) && answer;
    },
    { within: patienceOf(subject), what: 'the store to answer again' },
  );
  await restarting;
  if (last.is === 'wrong') throw last.error;
}

type Answer = { readonly is: 'kept' | 'away' } | { readonly is: 'wrong'; readonly error: unknown };

async function answerOf(store: TimeoutStore, timeout: NewTimeout): Promise<Answer> {
  const seen = await store.get(timeout).catch((error: unknown) => ({ error }));
  if (seen && 'error' in seen) {
    const { error } = seen;
    return isMillraceError(error) && error.retryable ? { is: 'away' } : { is: 'wrong', error };
  }
  try {
    deepEqual(given(seen), timeout);
    return { is: 'kept' };
  } catch (error) {
    return { is: 'wrong', error };
  }
}

function given(timeout: Timeout | undefined): NewTimeout | undefined {
  if (!timeout) return undefined;
  const { workflow, id, foreignId, runId, status, expiresAt } = timeout;
  return { workflow, id, foreignId, runId, status, expiresAt };
}
