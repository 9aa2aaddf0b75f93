import type { RoleLease, RoleScheduler } from '../../engine/ports/role-scheduler.ts';

interface Role {
  term: bigint;
  holder: AbortController | undefined;
  readonly waiting: Set<() => void>;
}

/** Roles within this process. */
export class MemoryRoleScheduler implements RoleScheduler {
  readonly #roles = new Map<string, Role>();

  async acquire(name: string, signal: AbortSignal): Promise<RoleLease | undefined> {
    const role = this.#role(name);
    while (role.holder && !signal.aborted) await turn(role, signal);
    if (signal.aborted) return undefined;
    const holder = new AbortController();
    role.holder = holder;
    role.term += 1n;
    return { signal: holder.signal, term: role.term, release: async () => free(role, holder) };
  }

  /** Takes the role from its holder, as a lost connection would. */
  revoke(name: string): void {
    const role = this.#role(name);
    const { holder } = role;
    if (!holder) return;
    holder.abort(new Error(`the role ${name} was taken away`));
    free(role, holder);
  }

  #role(name: string): Role {
    const role = this.#roles.get(name) ?? { term: 0n, holder: undefined, waiting: new Set() };
    this.#roles.set(name, role);
    return role;
  }
}

/** Resolves when the role may be free, or at the abort. */
function turn({ waiting }: Role, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      waiting.delete(wake);
      signal.removeEventListener('abort', wake);
      resolve();
    };
    waiting.add(wake);
    signal.addEventListener('abort', wake, { once: true });
  });
}

function free(role: Role, holder: AbortController): void {
  if (role.holder !== holder) return;
  role.holder = undefined;
  for (const wake of [...role.waiting]) wake();
}
