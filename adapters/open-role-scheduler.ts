import type { Clock } from '../engine/ports/clock.ts';
import type { Logger } from '../engine/ports/logger.ts';
import type { RoleScheduler } from '../engine/ports/role-scheduler.ts';
import { type Environment, readChoice } from './env.ts';

export const roleSchedulers = ['record_store', 'postgres', 'etcd'] as const;
/** Who says which process has a role; `record_store`: whatever keeps the records. */
export type RoleSchedulerName = (typeof roleSchedulers)[number];

export function readRoleScheduler(env: Environment): RoleSchedulerName {
  return readChoice(env, 'WE_ROLE_SCHEDULER', roleSchedulers, 'record_store');
}

export interface OpenRoles {
  readonly roles: RoleScheduler;
  /** Ends its connections. */
  close(): Promise<void>;
}

export interface OpenRolesOptions {
  readonly env: Environment;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The scheduler of this name. Each is loaded only where it is used. */
export async function openRoleScheduler(
  name: Exclude<RoleSchedulerName, 'record_store'>,
  { env, clock, logger }: OpenRolesOptions,
): Promise<OpenRoles> {
  if (name === 'etcd') {
    const { openEtcdRoles } = await import('./etcd/open.ts');
    return openEtcdRoles(env, { clock, logger });
  }
  const { readPostgresConfig } = await import('./postgres/config.ts');
  const { PostgresRoleScheduler } = await import('./postgres/role-scheduler.ts');
  const roles = new PostgresRoleScheduler({ ...readPostgresConfig(env, { poolSize: 1 }), clock, logger });
  return { roles, close: async () => undefined };
}
