import type { Route } from './api-routes.ts';
import { changeSchedule } from './handlers/change-schedule.ts';
import { createSchedule } from './handlers/create-schedule.ts';
import { deleteSchedule } from './handlers/delete-schedule.ts';
import { getSchedule } from './handlers/get-schedule.ts';
import { listSchedules } from './handlers/list-schedules.ts';
import { runSchedule } from './handlers/run-schedule.ts';

const ALL = '/api/v1/schedules';
const ONE = `${ALL}/{name}`;

export const scheduleRoutes: readonly Route[] = [
  { method: 'POST', path: ALL, summary: 'Make a schedule', endpoint: createSchedule },
  { method: 'GET', path: ALL, summary: 'List schedules', endpoint: listSchedules },
  { method: 'GET', path: ONE, summary: 'Get a schedule', endpoint: getSchedule },
  { method: 'PATCH', path: ONE, summary: 'Change, pause or resume a schedule', endpoint: changeSchedule },
  { method: 'DELETE', path: ONE, summary: 'Remove a schedule', endpoint: deleteSchedule },
  { method: 'POST', path: `${ONE}/run`, summary: 'Enqueue its job now', endpoint: runSchedule },
];
