export interface CronSchedule {
  /** Five fields from minutes to days of the week, or six that begin with seconds. */
  readonly cron: string;
  /** A name of the IANA time zone database. */
  readonly timeZone: string;
}

/**
 * When a cron expression ticks. Ticks are whole seconds. Where a clock change leaves a time of day out, a daily tick comes
 * at the moment of the change; where it comes twice, a daily tick counts once and an hourly one each time.
 */
export interface Cron {
  /** What is wrong with it, for a person; undefined when nothing is. */
  fault(
    schedule: CronSchedule,
  ): { readonly field: 'cron' | 'time_zone'; readonly message: string } | undefined;
  /** The first tick later than this; undefined when there is none. */
  next(schedule: CronSchedule, after: Date): Date | undefined;
  /** The latest ticks up to this moment, it included, newest first. */
  latest(schedule: CronSchedule, upTo: Date, count: number): Date[];
}
