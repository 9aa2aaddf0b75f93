import { describe, expect, it } from 'vitest';
import {
  type RolesUnderTest,
  roleSchedulerClauses,
} from '../../../sdk/testing/conformance/role-scheduler.suite.ts';
import { brokenClauses } from '../../../sdk/testing/conformance/suite.ts';
import { openMemoryRoles } from '../role-scheduler.memory.ts';
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
    expect(await brokenClauses(roleSchedulerClauses, openMemoryRoles)).toEqual([]);
  });

  it.concurrent.each(caughtBy)('catches one that $says', async ({ fault, clauses }) => {
    const broken = await brokenClauses(roleSchedulerClauses, async (): Promise<RolesUnderTest> => {
      const subject = await openMemoryRoles();
      const [one, other] = subject.schedulers;
      return { ...subject, schedulers: [fault(one), fault(other)] };
    });
    expect(broken).toEqual(expect.arrayContaining(clauses));
  });
});
