import { describe, expect, it } from 'vitest';
import { openMemoryRoles } from '../role-scheduler.memory.ts';
import { brokenRoleClauses } from '../role-scheduler.suite.ts';
import {
  givesTheRoleToAll,
  hidesTheLoss,
  ignoresTheSignal,
  keepsTheRole,
  mixesUpTheRoles,
  repeatsTheTerm,
} from './role-scheduler-faults.ts';

/** The clauses each fault must be caught by; it may break others too. */
const caughtBy = [
  { says: 'gives the role to all', fault: givesTheRoleToAll, clauses: [1, 2] },
  { says: 'keeps the role', fault: keepsTheRole, clauses: [2] },
  { says: 'repeats the term', fault: repeatsTheTerm, clauses: [3] },
  { says: 'hides the loss', fault: hidesTheLoss, clauses: [5] },
  { says: 'ignores the signal', fault: ignoresTheSignal, clauses: [4] },
  { says: 'mixes up the roles', fault: mixesUpTheRoles, clauses: [6] },
];

describe('the suite of the RoleScheduler', () => {
  it('finds nothing wrong with a scheduler that keeps the contract', async () => {
    expect(await brokenRoleClauses(openMemoryRoles)).toEqual([]);
  });

  it.concurrent.each(caughtBy)('catches one that $says', async ({ fault, clauses }) => {
    const broken = await brokenRoleClauses(async () => {
      const subject = await openMemoryRoles();
      const [one, other] = subject.schedulers;
      return { ...subject, schedulers: [fault(one), fault(other)] };
    });
    expect(broken).toEqual(expect.arrayContaining(clauses));
  });
});
