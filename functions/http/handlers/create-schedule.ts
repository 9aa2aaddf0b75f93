import { createSchedule as create } from '../../../engine/commands/schedules.ts';
import { rawMembers } from '../../../engine/raw-json.ts';
import type { StepId } from '../../../events/ids.ts';
import { requireKnownTypes, within } from '../accept.ts';
import { defineEndpoint } from '../endpoint.ts';
import { scheduleReply, scheduleRequest, scheduleText } from '../schedule-shapes.ts';

export const createSchedule = defineEndpoint(
  {
    scope: 'admin',
    forTenants: true,
    body: scheduleRequest,
    replies: {
      201: { description: 'Made, and due next at `next_run_at`.', schema: scheduleReply },
      409: { description: 'There is a schedule of this name.' },
      422: { description: 'The type has no handler.' },
    },
  },
  async ({ body, text }, app) => {
    const { deps, types } = app();
    const type = (body.type ?? null) as StepId | null;
    if (type !== null) await requireKnownTypes(types, [type], () => 'type');
    const raw = rawMembers(text);
    const payload = type === null ? (raw.get('input') ?? '{}') : (raw.get('payload') ?? 'null');
    const schedule = await create(deps, {
      name: body.name,
      cron: body.cron,
      timeZone: body.time_zone,
      missed: body.missed,
      missedLimit: body.missed_limit,
      type,
      definition: body.definition ?? null,
      payload: within(payload, type === null ? 'input' : 'payload'),
      maxRetries: body.max_retries,
      retry: body.retry ?? null,
      priority: body.priority,
      partitionKey: body.partition_key ?? null,
      enabled: body.enabled,
    });
    return { status: 201, body: scheduleText(schedule) };
  },
);

export const { handler } = createSchedule;
