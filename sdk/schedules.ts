import type { DeclaredSchedule } from '../engine/commands/schedules.ts';
import { MillraceError } from '../engine/errors.ts';
import type { RetrySettings } from '../engine/retry-policy.ts';
import type { MissedPolicy } from '../engine/schedule.ts';
import { isStepId, type StepId } from '../events/ids.ts';

/** Jobs by the clock: `nightly: { cron: '30 2 * * *', timeZone: 'Europe/Berlin', type: 'send-email', payload: {…} }`. */
export interface ScheduleDeclaration<Type extends string = string> {
  /** Five fields, minutes first, or six, seconds first. */
  readonly cron: string;
  /** A name of the IANA database; UTC unless given. */
  readonly timeZone?: string;
  /** What becomes of ticks that nothing could enqueue in time; `run_once` unless given. */
  readonly missed?: MissedPolicy;
  /** How many, the latest, `run_all` makes up for; 100 unless given. */
  readonly missedLimit?: number;
  /** The job's; or name a `definition`. */
  readonly type?: Type;
  readonly payload?: unknown;
  /** The id of a workflow definition, whose latest version is started with `input`; instead of a job. */
  readonly definition?: string;
  readonly input?: Readonly<Record<string, unknown>>;
  readonly maxRetries?: number;
  readonly retry?: RetrySettings;
  readonly priority?: number;
  readonly partitionKey?: string;
  /** Unless given, a pause made through the API outlives the next start. */
  readonly enabled?: boolean;
}

/** @throws MillraceError `configuration` when a name cannot be one */
export function toSchedules(
  declared: Readonly<Record<string, ScheduleDeclaration>> = {},
): DeclaredSchedule[] {
  return Object.entries(declared).map(([name, schedule]) => {
    if (!isStepId(name)) throw badName(name);
    return {
      name,
      cron: schedule.cron,
      timeZone: schedule.timeZone ?? 'UTC',
      missed: schedule.missed ?? 'run_once',
      missedLimit: schedule.missedLimit ?? 100,
      ...whatOf(name, schedule),
      maxRetries: schedule.maxRetries ?? 3,
      retry: schedule.retry ?? null,
      priority: schedule.priority ?? 0,
      partitionKey: schedule.partitionKey ?? null,
      enabled: schedule.enabled,
    };
  });
}

function whatOf(name: string, { type, payload, definition, input }: ScheduleDeclaration) {
  if (type !== undefined && definition === undefined && input === undefined) {
    return { type: type as StepId, definition: null, payload: JSON.stringify(payload ?? null) };
  }
  if (type === undefined && definition !== undefined && payload === undefined) {
    return { type: null, definition, payload: JSON.stringify(input ?? {}) };
  }
  throw new MillraceError(
    'configuration',
    `Schedule "${name}" in millrace.config.ts must have either a type, with a payload, or a definition, with an input.`,
  );
}

function badName(name: string): MillraceError {
  return new MillraceError(
    'configuration',
    `"${name}" in millrace.config.ts cannot be the name of a schedule. Use letters, digits, ".", "_" and "-", at most 200.`,
  );
}
