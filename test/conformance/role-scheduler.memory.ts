import { MemoryRoleScheduler } from '../../adapters/memory/role-scheduler.ts';
import type { RolesUnderTest } from '../../sdk/testing/conformance/role-scheduler.suite.ts';

export async function openMemoryRoles(): Promise<RolesUnderTest> {
  const scheduler = new MemoryRoleScheduler();
  return {
    schedulers: [scheduler, scheduler],
    within: 300,
    lose: async (role) => scheduler.revoke(role),
    async [Symbol.asyncDispose]() {
      // Nothing outlives it.
    },
  };
}
