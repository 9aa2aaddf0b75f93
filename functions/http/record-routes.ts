import type { Route } from './api-routes.ts';
import { cancelRecord } from './handlers/cancel-record.ts';
import { getRecord } from './handlers/get-record.ts';
import { listRecords } from './handlers/list-records.ts';
import { pauseRecord } from './handlers/pause-record.ts';
import { resumeRecord } from './handlers/resume-record.ts';

const ALL = '/api/v1/records';
const ONE = `${ALL}/{id}`;

export const recordRoutes: readonly Route[] = [
  { method: 'GET', path: ALL, summary: 'List workflow records', endpoint: listRecords },
  { method: 'GET', path: ONE, summary: 'Get a workflow record', endpoint: getRecord },
  { method: 'POST', path: `${ONE}/pause`, summary: 'Pause a run', endpoint: pauseRecord },
  { method: 'POST', path: `${ONE}/resume`, summary: 'Resume a run', endpoint: resumeRecord },
  { method: 'POST', path: `${ONE}/cancel`, summary: 'Cancel a run', endpoint: cancelRecord },
];
