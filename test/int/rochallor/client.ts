import type { WorkflowDocument } from './definitions.ts';

export type Variables = Readonly<Record<string, unknown>>;

/** An instance as both transports tell of it. What is absent over one is empty over the other: here it is empty. */
export interface Instance {
  readonly id: string;
  readonly definitionVersion: number;
  readonly status: string;
  readonly currentStepIds: readonly string[];
  readonly variables: Variables;
  readonly completedAt: string;
  readonly failureReason: string;
  readonly businessKey: string;
}

export interface Execution {
  readonly stepId: string;
  readonly stepType: string;
  readonly status: string;
  readonly attemptNumber: number;
  readonly failureReason: string;
}

export interface DialectJob {
  readonly id: string;
  readonly jobType: string;
  readonly instanceId: string;
  readonly retriesRemaining: number;
  readonly variables: Variables;
}

export interface InstanceQuery {
  readonly definitionId?: string;
  readonly status?: 'ACTIVE' | 'WAITING' | 'COMPLETED' | 'FAILED' | 'CANCELLED';
  readonly businessKey?: string;
}

export interface Failure {
  readonly errorMessage: string;
  readonly retryable: boolean;
}

/** What the protocol can do, over whatever carries it. @throws Refusal from each call */
export interface Client {
  upload(definition: WorkflowDocument): Promise<{ readonly id: string; readonly version: number }>;
  /** The latest version unless one is named. */
  definition(id: string, version?: number): Promise<WorkflowDocument>;
  definitions(keyword: string): Promise<{ readonly total: number; readonly ids: readonly string[] }>;
  start(id: string, options: { variables: Variables; businessKey?: string }): Promise<Instance>;
  instance(id: string): Promise<Instance>;
  instances(query: InstanceQuery): Promise<{ readonly total: number; readonly items: readonly Instance[] }>;
  history(id: string): Promise<readonly Execution[]>;
  cancel(id: string, reason?: string): Promise<Instance>;
  completeUserTask(id: string, stepId: string, variables?: Variables): Promise<void>;
  signal(id: string, stepId: string, variables?: Variables): Promise<void>;
  /** Over REST the protocol has no call for it. */
  retryStep?(id: string, stepId: string, variables?: Variables): Promise<Instance>;
  poll(workerId: string, jobTypes: readonly string[]): Promise<readonly DialectJob[]>;
  complete(jobId: string, workerId: string, variables: Variables): Promise<void>;
  fail(jobId: string, workerId: string, failure: Failure): Promise<void>;
}

/** Each transport has its own word for these. */
export type RefusalKind = 'invalid' | 'missing' | 'conflict' | 'other';

export class Refusal extends Error {
  readonly kind: RefusalKind;

  constructor(kind: RefusalKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** @returns why the call was refused, or `answered` */
export async function outcome(call: Promise<unknown>): Promise<RefusalKind | 'answered'> {
  try {
    await call;
    return 'answered';
  } catch (error) {
    if (error instanceof Refusal) return error.kind;
    throw error;
  }
}
