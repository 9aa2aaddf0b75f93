const ISO_DURATION =
  /^P(?:(?<weeks>\d+(?:\.\d+)?)W|(?:(?<days>\d+(?:\.\d+)?)D)?(?:T(?:(?<hours>\d+(?:\.\d+)?)H)?(?:(?<minutes>\d+(?:\.\d+)?)M)?(?:(?<seconds>\d+(?:\.\d+)?)S)?)?)$/;

const UNIT_MS = { weeks: 604_800_000, days: 86_400_000, hours: 3_600_000, minutes: 60_000, seconds: 1_000 };

/** The longest a timer may take: a hundred years, well inside what a database's timestamp holds. */
const MAX_MS = 100 * 365 * 86_400_000;

/**
 * Milliseconds of an ISO 8601 duration of weeks, or of days, hours, minutes and seconds. Years and months have no fixed
 * length, so they are not taken. Undefined for any other text.
 */
export function durationMs(text: string): number | undefined {
  const groups = ISO_DURATION.exec(text)?.groups;
  if (!groups || text.endsWith('P') || text.endsWith('T')) return undefined;
  const total = Object.entries(UNIT_MS).reduce(
    (sum, [unit, factor]) => sum + Number(groups[unit] ?? 0) * factor,
    0,
  );
  return total <= MAX_MS ? Math.round(total) : undefined;
}
