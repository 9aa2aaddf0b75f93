import type { Route } from './api-routes.ts';
import { cancelJob } from './handlers/cancel-job.ts';
import { claimBatch } from './handlers/claim-batch.ts';
import { claimJob } from './handlers/claim-job.ts';
import { completeBatch } from './handlers/complete-batch.ts';
import { completeJob } from './handlers/complete-job.ts';
import { enqueueBatch } from './handlers/enqueue-batch.ts';
import { enqueueJob } from './handlers/enqueue-job.ts';
import { failBatch } from './handlers/fail-batch.ts';
import { failJob } from './handlers/fail-job.ts';
import { getJob } from './handlers/get-job.ts';
import { health } from './handlers/health.ts';
import { heartbeatBatch } from './handlers/heartbeat-batch.ts';
import { heartbeatJob } from './handlers/heartbeat-job.ts';
import { listDeadLetters } from './handlers/list-dead-letters.ts';
import { listJobs } from './handlers/list-jobs.ts';
import { metricsPage } from './handlers/metrics-page.ts';
import { pollJobs } from './handlers/poll-jobs.ts';
import { recordUndecodable } from './handlers/record-undecodable.ts';
import { redriveDeadLetters } from './handlers/redrive-dead-letters.ts';
import { retryJob } from './handlers/retry-job.ts';

export const jobRoutes: readonly Route[] = [
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
  { method: 'GET', path: '/health', summary: 'Whether the process serves', endpoint: health },
  { method: 'GET', path: '/metrics', summary: 'Metrics of this process', endpoint: metricsPage },
];
