import * as z from 'zod';
import { runSchedule as run } from '../../../engine/commands/schedules.ts';
import { createdJobText } from '../created-job-text.ts';
import { defineEndpoint } from '../endpoint.ts';
import * as replies from '../replies.ts';
import { scheduleRunRequest } from '../schedule-shapes.ts';
import { jobText } from '../views.ts';
import { startedWorkflow } from '../workflow-replies.ts';
import { startedWorkflowText } from '../workflow-views.ts';

export const runSchedule = defineEndpoint(
  {
    scope: 'admin',
    forTenants: true,
    name: 'schedule',
    body: scheduleRunRequest,
    optionalBody: true,
    replies: {
      201: {
        description: 'Its job is enqueued now, or its workflow started, besides its ticks.',
        schema: z.union([replies.job, startedWorkflow]),
      },
      404: { description: 'There is no such schedule.' },
    },
  },
  async ({ name, body }, app) => {
    const { deps, metrics } = app();
    const enqueued = await run(deps, name, body.actor);
    if (enqueued.kind === 'started') {
      const { instance } = enqueued;
      metrics.enqueued(instance.jobs.map((job) => job.type));
      return { status: 201, body: startedWorkflowText(instance) };
    }
    if (enqueued.kind !== 'created') return { status: 201, body: jobText(enqueued.job) };
    metrics.enqueued([enqueued.job.type]);
    return { status: 201, body: createdJobText(enqueued.job) };
  },
);

export const { handler } = runSchedule;
