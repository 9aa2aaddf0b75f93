import type { Endpoint } from './endpoint.ts';
import { cancelJob } from './handlers/cancel-job.ts';
import { cancelWorkflow } from './handlers/cancel-workflow.ts';
import { claimBatch } from './handlers/claim-batch.ts';
import { claimJob } from './handlers/claim-job.ts';
import { completeBatch } from './handlers/complete-batch.ts';
import { completeJob } from './handlers/complete-job.ts';
import { completeUserTask } from './handlers/complete-user-task.ts';
import { drawDefinition } from './handlers/draw-definition.ts';
import { drawWorkflow } from './handlers/draw-workflow.ts';
import { enqueueBatch } from './handlers/enqueue-batch.ts';
import { enqueueJob } from './handlers/enqueue-job.ts';
import { failBatch } from './handlers/fail-batch.ts';
import { failJob } from './handlers/fail-job.ts';
import { getDefinition } from './handlers/get-definition.ts';
import { getJob } from './handlers/get-job.ts';
import { getWorkflow } from './handlers/get-workflow.ts';
import { health } from './handlers/health.ts';
import { heartbeatBatch } from './handlers/heartbeat-batch.ts';
import { heartbeatJob } from './handlers/heartbeat-job.ts';
import { listDeadLetters } from './handlers/list-dead-letters.ts';
import { listDefinitions } from './handlers/list-definitions.ts';
import { listJobs } from './handlers/list-jobs.ts';
import { listUserTasks } from './handlers/list-user-tasks.ts';
import { listWorkflows } from './handlers/list-workflows.ts';
import { metricsPage } from './handlers/metrics-page.ts';
import { pauseWorkflow } from './handlers/pause-workflow.ts';
import { pollJobs } from './handlers/poll-jobs.ts';
import { recordUndecodable } from './handlers/record-undecodable.ts';
import { redriveDeadLetters } from './handlers/redrive-dead-letters.ts';
import { resumeWorkflow } from './handlers/resume-workflow.ts';
import { retryJob } from './handlers/retry-job.ts';
import { retryStep } from './handlers/retry-step.ts';
import { signalWorkflow } from './handlers/signal-workflow.ts';
import { startBatch } from './handlers/start-batch.ts';
import { startWorkflow } from './handlers/start-workflow.ts';
import { uploadDefinition } from './handlers/upload-definition.ts';
import { insightRoutes } from './insight-routes.ts';
import { scheduleRoutes } from './schedule-routes.ts';

export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With `{id}` where an id stands, or `{name}`, as API Gateway writes it. */
  readonly path: string;
  readonly summary: string;
  readonly endpoint: Endpoint;
}

/** Everything the OpenAPI document describes. */
export const apiRoutes: readonly Route[] = [
  { method: 'POST', path: '/api/v1/jobs', summary: 'Enqueue a job', endpoint: enqueueJob },
  {
    method: 'POST',
    path: '/api/v1/jobs/batch',
    summary: 'Enqueue jobs, all or none',
    endpoint: enqueueBatch,
  },
  { method: 'GET', path: '/api/v1/jobs', summary: 'List jobs', endpoint: listJobs },
  { method: 'GET', path: '/api/v1/jobs/{id}', summary: 'Get a job with its history', endpoint: getJob },
  { method: 'POST', path: '/api/v1/jobs/{id}/claim', summary: 'Claim a job', endpoint: claimJob },
  { method: 'POST', path: '/api/v1/jobs/claim', summary: 'Claim jobs', endpoint: claimBatch },
  {
    method: 'POST',
    path: '/api/v1/jobs/poll',
    summary: 'Take queued jobs (polling mode)',
    endpoint: pollJobs,
  },
  { method: 'POST', path: '/api/v1/jobs/{id}/heartbeat', summary: 'Extend a lease', endpoint: heartbeatJob },
  { method: 'POST', path: '/api/v1/jobs/heartbeat', summary: 'Extend leases', endpoint: heartbeatBatch },
  { method: 'POST', path: '/api/v1/jobs/{id}/complete', summary: 'Complete a job', endpoint: completeJob },
  { method: 'POST', path: '/api/v1/jobs/complete', summary: 'Complete jobs', endpoint: completeBatch },
  { method: 'POST', path: '/api/v1/jobs/{id}/fail', summary: 'Report a failed attempt', endpoint: failJob },
  { method: 'POST', path: '/api/v1/jobs/fail', summary: 'Report failed attempts', endpoint: failBatch },
  { method: 'POST', path: '/api/v1/jobs/{id}/cancel', summary: 'Cancel a job', endpoint: cancelJob },
  {
    method: 'POST',
    path: '/api/v1/jobs/{id}/retry',
    summary: 'Queue an ended job again',
    endpoint: retryJob,
  },
  { method: 'GET', path: '/api/v1/dead-letters', summary: 'List dead letters', endpoint: listDeadLetters },
  {
    method: 'POST',
    path: '/api/v1/dead-letters/redrive',
    summary: 'Queue dead letters again',
    endpoint: redriveDeadLetters,
  },
  {
    method: 'POST',
    path: '/api/v1/undecodable-records',
    summary: 'Record messages that are no dispatch',
    endpoint: recordUndecodable,
  },
  { method: 'POST', path: '/api/v1/workflows', summary: 'Start a workflow', endpoint: startWorkflow },
  {
    method: 'POST',
    path: '/api/v1/workflows/batch',
    summary: 'Start up to 1,000 workflows',
    endpoint: startBatch,
  },
  { method: 'GET', path: '/api/v1/workflows', summary: 'List workflows', endpoint: listWorkflows },
  { method: 'GET', path: '/api/v1/workflows/{id}', summary: 'Get a workflow', endpoint: getWorkflow },
  {
    method: 'POST',
    path: '/api/v1/workflows/{id}/cancel',
    summary: 'Cancel a workflow',
    endpoint: cancelWorkflow,
  },
  {
    method: 'GET',
    path: '/api/v1/workflows/{id}/graph',
    summary: 'Draw a workflow as it stands',
    endpoint: drawWorkflow,
  },
  {
    method: 'POST',
    path: '/api/v1/workflows/{id}/signal',
    summary: 'Signal a workflow',
    endpoint: signalWorkflow,
  },
  {
    method: 'POST',
    path: '/api/v1/workflows/{id}/pause',
    summary: 'Pause a workflow',
    endpoint: pauseWorkflow,
  },
  {
    method: 'POST',
    path: '/api/v1/workflows/{id}/resume',
    summary: 'Resume a workflow',
    endpoint: resumeWorkflow,
  },
  {
    method: 'POST',
    path: '/api/v1/workflows/{id}/steps/{step}/retry',
    summary: 'Begin a failed step again',
    endpoint: retryStep,
  },
  {
    method: 'POST',
    path: '/api/v1/workflows/{id}/user-tasks/{step}/complete',
    summary: 'Complete a user task',
    endpoint: completeUserTask,
  },
  { method: 'GET', path: '/api/v1/user-tasks', summary: 'List open user tasks', endpoint: listUserTasks },
  {
    method: 'POST',
    path: '/api/v1/definitions',
    summary: 'Upload a workflow definition',
    endpoint: uploadDefinition,
  },
  {
    method: 'GET',
    path: '/api/v1/definitions',
    summary: 'List workflow definitions',
    endpoint: listDefinitions,
  },
  {
    method: 'GET',
    path: '/api/v1/definitions/{id}',
    summary: 'Get a workflow definition',
    endpoint: getDefinition,
  },
  {
    method: 'GET',
    path: '/api/v1/definitions/{id}/graph',
    summary: 'Draw a workflow definition',
    endpoint: drawDefinition,
  },
  ...scheduleRoutes,
  ...insightRoutes,
  { method: 'GET', path: '/health', summary: 'Whether the process serves', endpoint: health },
  { method: 'GET', path: '/metrics', summary: 'Metrics of this process', endpoint: metricsPage },
];
