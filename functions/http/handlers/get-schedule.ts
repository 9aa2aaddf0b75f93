import { getSchedule as get } from '../../../engine/commands/schedules.ts';
import { defineEndpoint } from '../endpoint.ts';
import { scheduleReply, scheduleText } from '../schedule-shapes.ts';

export const getSchedule = defineEndpoint(
  {
    scope: 'read',
    forTenants: true,
    name: 'schedule',
    replies: {
      200: { description: 'The schedule.', schema: scheduleReply },
      404: { description: 'There is no such schedule.' },
    },
  },
  async ({ name }, app) => ({ status: 200, body: scheduleText(await get(app().deps, name)) }),
);

export const { handler } = getSchedule;
