import { Cron as Pattern } from 'croner';
import type { Cron, CronSchedule } from '../../engine/ports/cron.ts';

/** By croner, whose rules for clock changes are those of the port; `test/unit/adapters/system/cron.unit.test.ts` holds it to them. */
export const cron: Cron = {
  fault(schedule) {
    if (!isTimeZone(schedule.timeZone)) {
      return {
        field: 'time_zone',
        message: 'is not a name of the IANA time zone database, such as Europe/Berlin',
      };
    }
    try {
      const never = cron.next(schedule, new Date(0)) === undefined;
      return never ? { field: 'cron', message: 'never comes: there is no such date' } : undefined;
    } catch (error) {
      const reason = error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error);
      return { field: 'cron', message: `is not a cron expression of five or six fields: ${reason}` };
    }
  },
  next: (schedule, after) => patternOf(schedule).nextRun(after) ?? undefined,
  latest(schedule, upTo, count) {
    // Asked for those before the next whole second: that of the moment itself is then among them.
    const end = new Date(Math.floor(upTo.getTime() / 1000) * 1000 + 1000);
    return patternOf(schedule).previousRuns(count, end);
  },
};

function patternOf({ cron: expression, timeZone }: CronSchedule): Pattern {
  return new Pattern(expression, { timezone: timeZone, mode: '5-or-6-parts', paused: true });
}

function isTimeZone(name: string): boolean {
  try {
    // Offsets such as +01:00 are taken as well, and have no clock changes: they are refused so as not to surprise.
    new Intl.DateTimeFormat('en', { timeZone: name });
    return /^[A-Za-z]/.test(name);
  } catch {
    return false;
  }
}
