import { removeSchedule } from '../../../engine/commands/schedules.ts';
import { defineEndpoint } from '../endpoint.ts';

export const deleteSchedule = defineEndpoint(
  {
    scope: 'admin',
    forTenants: true,
    name: 'schedule',
    replies: {
      204: { description: 'Gone. Jobs that it has enqueued stay.' },
      404: { description: 'There is no such schedule.' },
    },
  },
  async ({ name }, app) => {
    await removeSchedule(app().deps, name);
    return { status: 204, body: '' };
  },
);

export const { handler } = deleteSchedule;
