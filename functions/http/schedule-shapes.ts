import * as z from 'zod';
import { missedPolicies, type ScheduleRecord } from '../../engine/schedule.ts';
import { isStepId } from '../../events/ids.ts';
import { anyJson, maxRetries, retrySettings, stepId, text } from './fields.ts';
import { jsonObject } from './views.ts';

/** What the endpoints of schedules take and show. */

export const scheduleName = z
  .string()
  .refine(isStepId, 'may hold letters, digits, ".", "_" and "-", at most 200 of them')
  .meta({ example: 'nightly-report' });

const cron = text(200).meta({
  description: 'Five fields, minutes first, or six, seconds first.',
  example: '30 2 * * *',
});
const timeZone = text(100).meta({ description: 'Of the IANA database.', example: 'Europe/Berlin' });
const missed = z.enum(missedPolicies).meta({
  description:
    'What becomes of ticks that nothing could enqueue in time: dropped, one job for the latest, or a job of each.',
});
const missedLimit = z
  .int()
  .min(1)
  .max(1000)
  .meta({ description: 'How many, the latest, `run_all` makes up for.' });
const priority = z.int().min(-32_768).max(32_767);
const partitionKey = text(255);
const definitionId = text(256).meta({ description: 'Its latest version is started, instead of a job.' });
const input = z
  .record(z.string(), z.unknown())
  .meta({ description: 'An object; the variables that the workflow begins with.' });

const scheduleActor = text(255).default('api').meta({ description: 'Who; kept in the audit trail.' });

/** To run one now. */
export const scheduleRunRequest = z.strictObject({ actor: scheduleActor });

export const scheduleRequest = z
  .strictObject({
    name: scheduleName,
    cron,
    time_zone: timeZone.default('UTC'),
    missed: missed.default('run_once'),
    missed_limit: missedLimit.default(100),
    type: stepId.optional().meta({ description: 'Of a job; or give a `definition`.' }),
    payload: anyJson.optional(),
    definition: definitionId.optional(),
    input: input.optional(),
    max_retries: maxRetries,
    retry: retrySettings.optional(),
    priority: priority.default(0),
    partition_key: partitionKey.optional(),
    enabled: z.boolean().default(true),
  })
  .refine(({ type, definition }) => (type === undefined) !== (definition === undefined), {
    path: ['type'],
    message: 'must be given, or a definition, and not both',
  })
  .meta({ id: 'ScheduleRequest' });

export const scheduleChange = z
  .strictObject({
    cron: cron.optional(),
    time_zone: timeZone.optional(),
    missed: missed.optional(),
    missed_limit: missedLimit.optional(),
    type: stepId.optional(),
    payload: anyJson.optional(),
    definition: definitionId.optional(),
    input: input.optional(),
    max_retries: maxRetries.unwrap().optional(),
    retry: retrySettings.nullable().optional(),
    priority: priority.optional(),
    partition_key: partitionKey.nullable().optional(),
    enabled: z.boolean().optional().meta({ description: 'False pauses, true resumes.' }),
    actor: scheduleActor,
  })
  .refine(({ type, definition }) => type === undefined || definition === undefined, {
    path: ['type'],
    message: 'and a definition cannot both be given',
  })
  .meta({ id: 'ScheduleChange', description: 'What is absent stays as it is.' });

const time = z.iso.datetime().meta({ description: 'RFC 3339, UTC.' });

export const scheduleReply = z
  .strictObject({
    name: z.string(),
    cron: z.string(),
    time_zone: z.string(),
    missed,
    missed_limit: z.int(),
    type: z.string().nullable(),
    definition: z.string().nullable(),
    max_retries: z.int(),
    retry: retrySettings.nullable(),
    priority: z.int(),
    partition_key: z.string().nullable(),
    enabled: z.boolean(),
    source: z.enum(['api', 'config']).meta({ description: '`config`: declared in a millrace.config.ts.' }),
    next_run_at: time.nullable(),
    last_run_at: time.nullable().meta({ description: 'The tick of its latest job.' }),
    created_at: time,
    updated_at: time,
    payload: anyJson,
    input: anyJson,
  })
  .meta({ id: 'Schedule' });

export const schedulePage = z.strictObject({
  schedules: z.array(scheduleReply),
  next_cursor: z.string().nullable().meta({ description: 'For the next page; null at the end.' }),
});

export function scheduleText(schedule: ScheduleRecord): string {
  const fields = {
    name: schedule.name,
    cron: schedule.cron,
    time_zone: schedule.timeZone,
    missed: schedule.missed,
    missed_limit: schedule.missedLimit,
    type: schedule.type,
    definition: schedule.definition,
    max_retries: schedule.maxRetries,
    retry: schedule.retry,
    priority: schedule.priority,
    partition_key: schedule.partitionKey,
    enabled: schedule.enabled,
    source: schedule.source,
    next_run_at: schedule.nextRunAt,
    last_run_at: schedule.lastRunAt,
    created_at: schedule.createdAt,
    updated_at: schedule.updatedAt,
  };
  const isJob = schedule.type !== null;
  const { payload } = schedule;
  return jsonObject(fields, { payload: isJob ? payload : 'null', input: isJob ? 'null' : payload });
}
