import type { RoleLease, RoleScheduler } from '../../../engine/ports/role-scheduler.ts';

/** Each fault wraps a scheduler that keeps the contract. */
type Fault = (scheduler: RoleScheduler) => RoleScheduler;

function changed(change: (lease: RoleLease) => RoleLease): Fault {
  return (scheduler) => ({
    acquire: async (role, signal) => {
      const lease = await scheduler.acquire(role, signal);
      return lease && change(lease);
    },
  });
}

let anybody = 0n;

/** Gives the role to whoever asks. */
export const givesTheRoleToAll: Fault = () => ({
  acquire: async (_role, signal) => {
    anybody += 1n;
    if (signal.aborted) return undefined;
    return { term: anybody, signal: new AbortController().signal, release: async () => undefined };
  },
});

/** Says that the role is given up, and keeps it. */
export const keepsTheRole: Fault = changed((lease) => ({ ...lease, release: async () => undefined }));

/** Begins each term with the number of the one before. */
export const repeatsTheTerm: Fault = changed((lease) => ({ ...lease, term: 1n }));

/** Takes no notice of a loss. */
export const hidesTheLoss: Fault = changed((lease) => ({ ...lease, signal: new AbortController().signal }));

/** Waits on when told to stop. */
export const ignoresTheSignal: Fault = (scheduler) => ({
  acquire: (role) => scheduler.acquire(role, AbortSignal.timeout(2_000)),
});

/** Has one lock for all roles. */
export const mixesUpTheRoles: Fault = (scheduler) => ({
  acquire: (_role, signal) => scheduler.acquire('one', signal),
});
