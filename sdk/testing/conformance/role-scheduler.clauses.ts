import { equal, ok } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { RoleLease } from '../../../engine/ports/role-scheduler.ts';
import type { RoleClause, RolesUnderTest } from './role-scheduler.suite.ts';
import { patienceOf } from './suite.ts';
import { waitFor } from './wait-for.ts';

const never = new AbortController().signal;

/** Acquires, and shows whether it has. */
function asking(subject: RolesUnderTest, which: 0 | 1, role: string, signal: AbortSignal = never) {
  const state: { lease: RoleLease | undefined; done: boolean } = { lease: undefined, done: false };
  const asked = subject.schedulers[which].acquire(role, signal).then((lease) => {
    Object.assign(state, { lease, done: true });
    return lease;
  });
  return { state, asked };
}

async function held(subject: RolesUnderTest, which: 0 | 1, role: string): Promise<RoleLease> {
  const abort = AbortSignal.timeout(patienceOf(subject));
  const lease = await subject.schedulers[which].acquire(role, abort);
  ok(lease, 'a free role is given');
  return lease;
}

/** Long enough for one that waits to have tried more than once. */
async function severalTries(subject: RolesUnderTest): Promise<void> {
  const other = randomUUID();
  for (let round = 0; round < 3; round += 1) await (await held(subject, 1, other)).release();
}

export const roleClauses: readonly RoleClause[] = [
  {
    number: 1,
    title: 'one holds a role, the others wait',
    checks: {
      'while several ask and one has it': async (subject) => {
        const role = randomUUID();
        const abort = new AbortController();
        const all = [0, 1, 0, 1].map((which) => asking(subject, which === 0 ? 0 : 1, role, abort.signal));
        await waitFor(() => all.some(({ state }) => state.done), { within: patienceOf(subject) });
        await severalTries(subject);
        equal(all.filter(({ state }) => state.lease).length, 1);
        abort.abort();
        await Promise.all(all.map(async ({ asked }) => (await asked)?.release()));
      },
    },
  },
  {
    number: 2,
    title: 'a released role goes to one that waits, and releasing twice is as once',
    checks: {
      'given up, taken, and given up again by the first': async (subject) => {
        const role = randomUUID();
        const first = await held(subject, 0, role);
        const { state, asked } = asking(subject, 1, role);
        await first.release();
        await waitFor(() => state.done, { within: patienceOf(subject) });
        await first.release();
        const third = asking(subject, 0, role);
        await severalTries(subject);
        ok(!third.state.done && state.lease && !state.lease.signal.aborted);
        await (await asked)?.release();
        await (await third.asked)?.release();
      },
    },
  },
  {
    number: 3,
    title: 'each term is higher than those before it',
    checks: {
      'whichever scheduler gave it': async (subject) => {
        const role = randomUUID();
        let last = -1n;
        for (const which of [0, 1, 1, 0] as const) {
          const lease = await held(subject, which, role);
          ok(lease.term > last, `term ${lease.term} follows ${last}`);
          last = lease.term;
          await lease.release();
        }
      },
    },
  },
  {
    number: 4,
    title: 'a wait ends with undefined when its signal aborts, and holds nothing',
    checks: {
      'also one that had aborted before': async (subject) => {
        const role = randomUUID();
        const first = await held(subject, 0, role);
        const abort = new AbortController();
        const { asked, state } = asking(subject, 1, role, abort.signal);
        abort.abort();
        await waitFor(() => state.done, { within: patienceOf(subject) });
        equal(await asked, undefined);
        equal(await subject.schedulers[1].acquire(randomUUID(), AbortSignal.abort()), undefined);
        await first.release();
        await (await held(subject, 0, role)).release();
      },
    },
  },
  {
    number: 5,
    title: 'when the hold is lost its signal aborts, and the role goes to another',
    checks: {
      'and the loser takes it from nobody': async (subject) => {
        const role = randomUUID();
        const first = await held(subject, 0, role);
        const { state, asked } = asking(subject, 1, role);
        ok(!first.signal.aborted);
        await subject.lose(role);
        await waitFor(() => first.signal.aborted, { within: patienceOf(subject) });
        await waitFor(() => state.done, { within: patienceOf(subject) });
        ok(state.lease && state.lease.term > first.term);
        await first.release();
        ok(!state.lease.signal.aborted);
        await (await asked)?.release();
      },
    },
  },
  {
    number: 6,
    title: 'roles have nothing to do with each other',
    checks: {
      'losing one keeps the other': async (subject) => {
        const [one, other] = [randomUUID(), randomUUID()];
        const [first, second] = [await held(subject, 0, one), await held(subject, 0, other)];
        await subject.lose(one);
        await waitFor(() => first.signal.aborted, { within: patienceOf(subject) });
        ok(!second.signal.aborted);
        await Promise.all([first.release(), second.release()]);
      },
    },
  },
];
