import type { NewInstance, NewJob } from '../../engine/commit.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import type { NewSchedule, ScheduleStore, ScheduleTick } from '../../engine/ports/schedule-store.ts';
import type { ScheduleRecord } from '../../engine/schedule.ts';

export class MemoryScheduleStore implements ScheduleStore {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #write: (jobs: readonly NewJob[], instances: readonly NewInstance[]) => void;
  readonly #schedules = new Map<string, ScheduleRecord>();

  constructor(
    clock: Pick<Clock, 'now'>,
    write: (jobs: readonly NewJob[], instances: readonly NewInstance[]) => void,
  ) {
    this.#clock = clock;
    this.#write = write;
  }

  async insert(schedule: NewSchedule): Promise<boolean> {
    if (this.#schedules.has(schedule.name)) return false;
    const now = this.#clock.now();
    const fresh = { revision: 1, lastRunAt: null, createdAt: now, updatedAt: now };
    this.#schedules.set(schedule.name, { ...schedule, ...fresh });
    return true;
  }

  async update(schedule: NewSchedule, expectedRevision: number): Promise<boolean> {
    const current = this.#at(schedule.name, expectedRevision);
    if (current) this.#save({ ...current, ...schedule });
    return current !== undefined;
  }

  async remove(name: string): Promise<boolean> {
    return this.#schedules.delete(name);
  }

  async get(name: string): Promise<ScheduleRecord | undefined> {
    return this.#schedules.get(name);
  }

  async list({ after, limit }: { readonly after?: string | undefined; readonly limit: number }) {
    return [...this.#schedules.values()]
      .filter(({ name }) => after === undefined || name > after)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .slice(0, limit);
  }

  async due(limit: number) {
    const now = this.#clock.now();
    const schedules = this.#waiting().filter(({ nextRunAt }) => nextRunAt <= now);
    return { schedules: schedules.slice(0, limit), now };
  }

  async nextTickMs(): Promise<number | undefined> {
    const [first] = this.#waiting();
    return first && Math.max(0, first.nextRunAt.getTime() - this.#clock.now().getTime());
  }

  async tick({
    name,
    expectedRevision,
    nextRunAt,
    lastRunAt,
    jobs,
    instances,
  }: ScheduleTick): Promise<boolean> {
    const current = this.#at(name, expectedRevision);
    if (!current?.enabled) return false;
    this.#save({ ...current, nextRunAt, lastRunAt: lastRunAt ?? current.lastRunAt });
    this.#write(jobs, instances);
    return true;
  }

  #at(name: string, revision: number): ScheduleRecord | undefined {
    const current = this.#schedules.get(name);
    return current?.revision === revision ? current : undefined;
  }

  #save(schedule: ScheduleRecord): void {
    const { name, revision } = schedule;
    this.#schedules.set(name, { ...schedule, revision: revision + 1, updatedAt: this.#clock.now() });
  }

  #waiting() {
    return [...this.#schedules.values()]
      .flatMap((schedule) =>
        schedule.nextRunAt === null ? [] : [{ ...schedule, nextRunAt: schedule.nextRunAt }],
      )
      .sort((a, b) => a.nextRunAt.getTime() - b.nextRunAt.getTime());
  }
}
