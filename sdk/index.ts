/** What users of Millrace import. The only index file: the package's public face. */
export { isMillraceError, MillraceError } from '../engine/errors.ts';
export type { JobPolicy } from '../engine/job-policy.ts';
export type {
  RecordOptions,
  RecordRun,
  RecordStep,
  RecordTimeout,
  RecordWorkflow,
  StepOutcome,
} from '../engine/records/record-workflow.ts';
export { fromDrizzle } from './adapters/drizzle.ts';
export { fromKnex } from './adapters/knex.ts';
export { fromKysely } from './adapters/kysely.ts';
export { fromPrisma } from './adapters/prisma.ts';
export type { JobAnswer, JobPage, StartedWorkflow, WorkflowAnswer } from './client/answers.ts';
export { type Client, createClient } from './client/client.ts';
export { ClientError, type ClientOptions } from './client/request.ts';
export {
  defineConfig,
  defineJob,
  type Job,
  type JobContext,
  type JobHandler,
  type JobHandlers,
  type PayloadOf,
  type ResultOf,
  type ServiceConfig,
} from './define.ts';
export { defineRecordWorkflow } from './define-record-workflow.ts';
export {
  defineWorkflow,
  type GraphStep,
  type OutputsOf,
  type TaskOptions,
  type Workflow,
} from './define-workflow.ts';
export { type EnqueueRequest, enqueue, type Transaction } from './enqueue.ts';
export { KafkaRunner, type KafkaRunnerOptions } from './kafka-runner.ts';
export { NonRetryableError } from './non-retryable-error.ts';
export { PollingRunner, type PollingRunnerOptions } from './polling-runner.ts';
export { RetryAfterError } from './retry-after-error.ts';
export type { WorkerTracing } from './worker/attempt-spans.ts';
export { createMskHandler, type MskContext, type MskHandler } from './worker/msk-handler.ts';
export type { KafkaBatchItemFailure, KafkaBatchResponse } from './worker/partial-batch.ts';
export type { WorkerOptions } from './worker/worker-options.ts';
