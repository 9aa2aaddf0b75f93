import type { NewInstance, NewJob } from '../commit.ts';
import type { ScheduleDefinition, ScheduleRecord } from '../schedule.ts';

/**
 * Where schedules live: with the jobs, since a tick writes both. The clause of `test/conformance/record-store.suite.ts`:
 *
 * 15. Of concurrent `insert`s under one name one writes; `update` and `tick` apply only at the expected revision and raise
 *     it, and a `tick` writes its jobs and instances with the advance of the schedule or not at all: of any number of leaders one enqueues
 *     a tick. A job whose idempotency key is known is passed over, and the schedule advances all the same. `due` gives the
 *     enabled schedules whose time has come, by the store's clock, and that clock's time.
 *
 * Where tenants are kept apart, a name is one of the tenant for whom the store is, or of nobody; `due` gives those of all.
 */
export interface ScheduleStore {
  /** @returns whether it was written: false when the name is taken */
  insert(schedule: NewSchedule): Promise<boolean>;
  update(schedule: NewSchedule, expectedRevision: number): Promise<boolean>;
  remove(name: string): Promise<boolean>;
  get(name: string): Promise<ScheduleRecord | undefined>;
  /** By name. */
  list(page: { readonly after?: string | undefined; readonly limit: number }): Promise<ScheduleRecord[]>;
  due(limit: number): Promise<{ readonly schedules: readonly ScheduleRecord[]; readonly now: Date }>;
  /** How long until the next schedule is due, in milliseconds, at least 0; undefined when none is enabled. */
  nextTickMs(): Promise<number | undefined>;
  tick(tick: ScheduleTick): Promise<boolean>;
}

export interface NewSchedule extends ScheduleDefinition {
  readonly source: ScheduleRecord['source'];
  readonly nextRunAt: Date | null;
}

export interface ScheduleTick {
  readonly name: string;
  /** Of the schedule: what the tick makes is of this tenant. */
  readonly tenant?: string | undefined;
  readonly expectedRevision: number;
  readonly nextRunAt: Date | null;
  /** Absent when no tick was run: the one before stays. */
  readonly lastRunAt?: Date | undefined;
  readonly jobs: readonly NewJob[];
  readonly instances: readonly NewInstance[];
}
