import { createHash, randomUUID } from 'node:crypto';
import { v7 } from 'uuid';
import type { CommitUnit, InstanceChange, JobChange, NewInstance, NewJob } from '../../engine/commit.ts';
import type { JobRecord } from '../../engine/job.ts';
import type { CommitOutcome, RecordStore } from '../../engine/ports/record-store.ts';
import { type InlineStep, inlineDefinition } from '../../engine/workflow/inline-definition.ts';
import type { InstanceState } from '../../engine/workflow/state.ts';
import { dispatchMessage } from '../../events/dispatch.ts';
import type { InstanceId, JobId, StepId } from '../../events/ids.ts';
import { encodePack } from '../../events/pack.ts';
import { jobTopic } from '../../events/topics.ts';

export const TYPE = 'conformance' as StepId;

export function newId(): JobId {
  return v7() as JobId;
}

/** A queued job without a message. */
export function aJob(overrides: Partial<NewJob> = {}): NewJob {
  return {
    id: newId(),
    type: TYPE,
    status: 'queued',
    payload: '{"n":1}',
    priority: 0,
    maxRetries: 3,
    createdAt: new Date(),
    ...overrides,
  };
}

/** A queued job that goes to dispatch through a broker. */
export function aDispatchedJob(overrides: Partial<NewJob> = {}): NewJob {
  const job = aJob(overrides);
  return { ...job, dispatch: messageOf(job) };
}

export function aKeyedJob(key: string, hash: string): NewJob {
  return aJob({ idempotencyKey: key, requestHash: Buffer.from(hash.padEnd(32, '.')) });
}

export function messageOf(job: Pick<NewJob, 'id' | 'type'>): NonNullable<NewJob['dispatch']> {
  const message = dispatchMessage({
    dedupId: `${job.id}.1`,
    jobId: job.id,
    instanceId: undefined,
    stepIndex: undefined,
    type: job.type,
    attempt: 1,
    retriesRemaining: 3,
    payload: '{}',
    createdAt: new Date(),
  });
  return { topic: jobTopic(job.type), message: encodePack([message]) };
}

/** A state of which only the size is of interest to a store. */
export const aState: InstanceState = {
  next: 1,
  tokens: [],
  forks: [],
  held: [],
  failed: [],
  early: [],
  undo: [],
};

const twoSteps = inlineDefinition('two-steps', {
  steps: [aStep('one'), aStep('two')],
  hash: (text) => createHash('sha256').update(text).digest(),
});

export type StartedInstance = NewInstance & { readonly firstJob: NewJob };

export function anInstance(options: { readonly dispatched?: boolean } = {}): StartedInstance {
  const id = newId() as string as InstanceId;
  const job = { instanceId: id, stepIndex: 0 };
  const firstJob = options.dispatched ? aDispatchedJob(job) : aJob(job);
  return {
    id,
    name: 'two-steps',
    definition: twoSteps.ref,
    inline: twoSteps,
    status: 'running',
    state: aState,
    variables: '{"big":12345678901234567890,"1":1.10}',
    currentStep: 0,
    totalSteps: 2,
    failureReason: null,
    history: [],
    createdAt: new Date(),
    jobs: [firstJob],
    firstJob,
  };
}

/** A change of an instance that only moves it to this status. */
export function aChange(
  id: InstanceId,
  expectedVersion: number,
  status: InstanceChange['status'] = 'running',
): InstanceChange {
  return { id, expectedVersion, status, state: aState, currentStep: 1, failureReason: null, history: [] };
}

export interface Cancellation {
  readonly id: InstanceId;
  readonly expectedVersion: number;
  readonly actor: string;
  readonly reason?: string;
}

/** Ends an instance with the jobs of its first steps, as a cancel does. */
export function cancelUnit({ id, expectedVersion, actor, reason }: Cancellation): CommitUnit {
  const change = aChange(id, expectedVersion, 'cancelled');
  return {
    instance: {
      ...change,
      failureReason: reason ?? null,
      endJobs: { activations: [0, 1, 2], actor, reason },
    },
    enqueue: [],
    audit: [{ action: 'WORKFLOW_CANCELLED', actor, instanceId: id }],
  };
}

export async function cancelInstance(
  store: RecordStore,
  cancellation: Cancellation,
): Promise<CommitOutcome | undefined> {
  const [outcome] = await store.commit({ units: [cancelUnit(cancellation)] });
  return outcome;
}

function aStep(name: string): InlineStep {
  return { name, type: TYPE, payload: '{"big":12345678901234567890}', max_retries: 1 };
}

/** A unit that changes one job and nothing else. */
export function unitFor(change: JobChange): CommitUnit & { readonly job: JobChange } {
  return { job: change, enqueue: [], audit: [] };
}

export async function enqueued(store: RecordStore, job: NewJob = aJob()): Promise<NewJob> {
  await store.enqueue([job]);
  return job;
}

/** A job under a lease, as the store sees it. */
export async function claimed(
  store: RecordStore,
  options: { readonly job?: NewJob; readonly leaseMs?: number } = {},
): Promise<JobRecord & { readonly token: NonNullable<JobRecord['token']> }> {
  const { id } = options.job ?? (await enqueued(store));
  return claimOne(store, id, options.leaseMs);
}

export async function claimOne(store: RecordStore, id: JobId, leaseMs = 60_000) {
  const [outcome] = await store.claim({ ids: [id], claimId: randomUUID(), workerId: 'worker-1', leaseMs });
  if (outcome?.kind !== 'claimed' || outcome.job.token === null) {
    throw new Error(`the claim of a queued job came to ${JSON.stringify(outcome)}`);
  }
  return { ...outcome.job, token: outcome.job.token };
}

export async function jobOf(store: RecordStore, id: JobId): Promise<JobRecord> {
  const [job] = await store.getJobs([id]);
  if (!job) throw new Error(`job ${id} is not in the store`);
  return job;
}
