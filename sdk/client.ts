/** The HTTP client alone, for browsers and for those who only enqueue. */
export type {
  JobAnswer,
  JobPage,
  JobStatus,
  Redriven,
  StartedWorkflow,
  WorkflowAnswer,
  WorkflowStatus,
} from './client/answers.ts';
export {
  type Client,
  createClient,
  type EnqueueOptions,
  type JobFilter,
  type OnBehalf,
} from './client/client.ts';
export { ClientError, type ClientOptions } from './client/request.ts';
