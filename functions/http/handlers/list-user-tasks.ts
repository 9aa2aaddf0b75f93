import type { InstanceId } from '../../../events/ids.ts';
import { defineEndpoint } from '../endpoint.ts';
import { jsonArray } from '../views.ts';
import { userTasks } from '../workflow-replies.ts';
import { userTaskQuery } from '../workflow-requests.ts';
import { userTaskText } from '../workflow-views.ts';

export const listUserTasks = defineEndpoint(
  {
    scope: 'read',
    forTenants: true,
    query: userTaskQuery,
    replies: { 200: { description: 'Those that wait for somebody, oldest first.', schema: userTasks } },
  },
  async ({ query }, app) => {
    const { workflow_id, step, limit } = query;
    const instanceId = workflow_id as InstanceId | undefined;
    const tasks = await app().deps.store.listUserTasks({ instanceId, step, limit });
    return { status: 200, body: `{"user_tasks":${jsonArray(tasks.map(userTaskText))}}` };
  },
);

export const { handler } = listUserTasks;
