import type { RoleScheduler } from '../../../engine/ports/role-scheduler.ts';
import { roleClauses } from './role-scheduler.clauses.ts';
import { type Clause, runClauses, type SuiteOptions, type UnderTest } from './suite.ts';

export interface RolesUnderTest extends UnderTest {
  /** Schedulers that know of each other as processes would. */
  readonly schedulers: readonly [RoleScheduler, RoleScheduler];
  /** Makes the holder of the role lose it, as when its connection breaks. */
  lose(role: string): Promise<void>;
}

export type RoleClause = Clause<RolesUnderTest>;

/** In the order of the port's comment. */
export const roleSchedulerClauses: readonly RoleClause[] = roleClauses;

/** Holds a RoleScheduler to its contract. */
export function roleSchedulerSuite(name: string, options: SuiteOptions<RolesUnderTest>): void {
  runClauses(`${name} as a RoleScheduler`, roleSchedulerClauses, options);
}
