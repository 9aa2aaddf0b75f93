import type { Route } from './api-routes.ts';
import { cancelWorkflow } from './handlers/cancel-workflow.ts';
import { completeUserTask } from './handlers/complete-user-task.ts';
import { drawDefinition } from './handlers/draw-definition.ts';
import { drawWorkflow } from './handlers/draw-workflow.ts';
import { getDefinition } from './handlers/get-definition.ts';
import { getWorkflow } from './handlers/get-workflow.ts';
import { listDefinitions } from './handlers/list-definitions.ts';
import { listUserTasks } from './handlers/list-user-tasks.ts';
import { listWorkflows } from './handlers/list-workflows.ts';
import { pauseWorkflow } from './handlers/pause-workflow.ts';
import { resumeWorkflow } from './handlers/resume-workflow.ts';
import { retryStep } from './handlers/retry-step.ts';
import { signalWorkflow } from './handlers/signal-workflow.ts';
import { startBatch } from './handlers/start-batch.ts';
import { startWorkflow } from './handlers/start-workflow.ts';
import { uploadDefinition } from './handlers/upload-definition.ts';

export const workflowRoutes: readonly Route[] = [
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
];
