/** What the API answers, as its OpenAPI document describes it; a test holds the one against the other. */

export type JobStatus =
  | 'pending'
  | 'queued'
  | 'running'
  | 'completed'
  | 'failed'
  | 'retrying'
  | 'dead_letter'
  | 'cancelled';

export type WorkflowStatus = 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';

export interface JobAnswer<Payload = unknown, Result = unknown> {
  readonly id: string;
  readonly type: string;
  readonly status: JobStatus;
  readonly payload: Payload;
  /** Null until the job has completed. */
  readonly result: Result | null;
  readonly attempt: number;
  readonly max_retries: number;
  readonly priority: number;
  readonly idempotency_key: string | null;
  readonly partition_key: string | null;
  readonly unique_key: string | null;
  readonly workflow_id: string | null;
  readonly step_index: number | null;
  readonly last_error: string | null;
  readonly worker_id: string | null;
  /** Times are RFC 3339, in UTC. */
  readonly run_at: string;
  readonly created_at: string;
  readonly queued_at: string | null;
  readonly started_at: string | null;
  readonly completed_at: string | null;
  readonly updated_at: string;
}

export interface JobPage {
  readonly jobs: readonly JobAnswer[];
  /** For the next page; null at the end. */
  readonly next_cursor: string | null;
}

export interface StartedWorkflow {
  readonly id: string;
  readonly name: string;
  readonly foreign_id: string | null;
  readonly status: WorkflowStatus;
  readonly created_at: string;
}

export interface WorkflowAnswer extends StartedWorkflow {
  readonly completed_at: string | null;
  readonly failure_reason: string | null;
  readonly variables: Readonly<Record<string, unknown>>;
}

export interface Redriven {
  readonly matched: number;
  readonly redriven: number;
  readonly dry_run: boolean;
}
