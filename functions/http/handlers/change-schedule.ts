import { changeSchedule as change } from '../../../engine/commands/schedules.ts';
import { defined } from '../../../engine/new-job.ts';
import { rawMembers } from '../../../engine/raw-json.ts';
import type { StepId } from '../../../events/ids.ts';
import { requireKnownTypes, within } from '../accept.ts';
import { defineEndpoint } from '../endpoint.ts';
import { scheduleChange, scheduleReply, scheduleText } from '../schedule-shapes.ts';

export const changeSchedule = defineEndpoint(
  {
    scope: 'admin',
    forTenants: true,
    name: 'schedule',
    body: scheduleChange,
    replies: {
      200: {
        description: 'Changed. After a pause it is due next after now: ticks of the pause were not missed.',
        schema: scheduleReply,
      },
      404: { description: 'There is no such schedule.' },
      422: { description: 'The type has no handler.' },
    },
  },
  async ({ name, body, text }, app) => {
    const { deps, types } = app();
    const type = body.type as StepId | undefined;
    if (type !== undefined) await requireKnownTypes(types, [type], () => 'type');
    const raw = rawMembers(text);
    const payload = raw.get('input') ?? raw.get('payload');
    const { definition } = body;
    const changes = {
      // The one that is given takes the place of the other.
      type: definition === undefined ? type : null,
      definition: type === undefined ? definition : null,
      cron: body.cron,
      timeZone: body.time_zone,
      missed: body.missed,
      missedLimit: body.missed_limit,
      payload: payload === undefined ? undefined : within(payload, 'payload'),
      maxRetries: body.max_retries,
      retry: body.retry,
      priority: body.priority,
      partitionKey: body.partition_key,
      enabled: body.enabled,
    };
    const by = { ...defined(changes), actor: body.actor };
    return { status: 200, body: scheduleText(await change(deps, name, by)) };
  },
);

export const { handler } = changeSchedule;
