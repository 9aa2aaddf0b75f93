import { describe, it } from 'vitest';
import type { RoleScheduler } from '../../engine/ports/role-scheduler.ts';
import { roleClauses } from './role-scheduler.clauses.ts';

/** Schedulers that know of each other as processes would, and a way to make the holder of a role lose it. */
export interface RolesUnderTest extends AsyncDisposable {
  readonly schedulers: readonly [RoleScheduler, RoleScheduler];
  /** How long what must happen may take, in milliseconds. */
  readonly within: number;
  /** As when its connection breaks. */
  lose(role: string): Promise<void>;
}

export interface RoleClause {
  readonly number: number;
  readonly title: string;
  readonly check: (subject: RolesUnderTest) => Promise<void>;
}

/** Runs every clause against an implementation. */
export function testRoleScheduler(name: string, open: () => Promise<RolesUnderTest>): void {
  describe(`${name} as a RoleScheduler`, () => {
    for (const { number, title, check } of roleClauses) {
      it(`${number}. ${title}`, async () => {
        await using subject = await open();
        await check(subject);
      });
    }
  });
}

/** The numbers of the clauses that a scheduler breaks. */
export async function brokenRoleClauses(open: () => Promise<RolesUnderTest>): Promise<number[]> {
  const broken: number[] = [];
  for (const { number, check } of roleClauses) {
    await using subject = await open();
    await check(subject).catch(() => broken.push(number));
  }
  return broken;
}
