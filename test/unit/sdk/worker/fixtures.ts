import { randomUUID } from 'node:crypto';
import { MemoryRecordStore } from '../../../../adapters/memory/record-store.ts';
import { createEngineDeps } from '../../../../adapters/system/engine-deps.ts';
import { claimJobs } from '../../../../engine/commands/claim-jobs.ts';
import { completeJobs } from '../../../../engine/commands/complete-jobs.ts';
import { failJobs } from '../../../../engine/commands/fail-jobs.ts';
import type { SettleOutcome } from '../../../../engine/commands/settle.ts';
import type { EngineDeps } from '../../../../engine/deps.ts';
import { MillraceError } from '../../../../engine/errors.ts';
import type { JobRecord } from '../../../../engine/job.ts';
import { newJob } from '../../../../engine/new-job.ts';
import type { Clock } from '../../../../engine/ports/clock.ts';
import type { IncomingRecord } from '../../../../engine/ports/event-streamer.ts';
import type { ClaimOutcome } from '../../../../engine/ports/record-store.ts';
import type { JobId, StepId } from '../../../../events/ids.ts';
import { decodePack } from '../../../../events/pack.ts';
import { jobTopic } from '../../../../events/topics.ts';
import type { Deadline } from '../../../../sdk/worker/deadline.ts';
import type { ClaimAnswer, SettleAnswer, WorkerApi } from '../../../../sdk/worker/worker-api.ts';

/** The engine with its store in memory, and the API a worker would see of it. `calls` counts the requests. */
export interface TestService {
  readonly deps: EngineDeps;
  readonly store: MemoryRecordStore;
  readonly api: WorkerApi;
  readonly calls: Record<keyof WorkerApi, number>;
}

export function createService(clock: Clock, overrides: Partial<WorkerApi> = {}): TestService {
  const store = new MemoryRecordStore(clock);
  const deps = { ...createEngineDeps(store, 'kafka_outbox'), clock };
  const calls = { claim: 0, heartbeat: 0, complete: 0, fail: 0, recordUndecodable: 0 };
  const api: WorkerApi = { ...engineApi(deps), ...overrides };
  const counted: WorkerApi = {
    claim: (...args) => count('claim', () => api.claim(...args)),
    heartbeat: (...args) => count('heartbeat', () => api.heartbeat(...args)),
    complete: (...args) => count('complete', () => api.complete(...args)),
    fail: (...args) => count('fail', () => api.fail(...args)),
    recordUndecodable: (...args) => count('recordUndecodable', () => api.recordUndecodable(...args)),
  };
  const count = <T>(name: keyof WorkerApi, call: () => T): T => {
    calls[name] += 1;
    return call();
  };
  return { deps, store, api: counted, calls };
}

/** The engine's commands as the HTTP functions offer them, without the HTTP. */
function engineApi(deps: EngineDeps): WorkerApi {
  return {
    claim: async (ids) =>
      (await claimJobs(deps, { ids, claimId: randomUUID(), workerId: 'test', leaseMs: 60_000 })).map(
        toClaimAnswer,
      ),
    heartbeat: async (leases) =>
      (await deps.store.heartbeat(leases, 60_000)).map((outcome) => {
        const { kind, ...rest } = outcome;
        return { outcome: kind, ...rest } as Awaited<ReturnType<WorkerApi['heartbeat']>>[number];
      }),
    complete: async (results) => (await completeJobs(deps, results)).map(toSettleAnswer),
    fail: async (failures) => (await failJobs(deps, failures)).map(toSettleAnswer),
    recordUndecodable: (records) => deps.store.recordUndecodable(records),
  };
}

function toClaimAnswer(outcome: ClaimOutcome): ClaimAnswer {
  if (outcome.kind === 'not_found') return { outcome: 'not_found' };
  if (outcome.kind === 'not_claimable')
    return { outcome: 'not_claimable', status: outcome.status, attempt: outcome.attempt };
  const { job } = outcome;
  if (!job.token || !job.leaseUntil) throw new Error('a claimed job must have a token and a lease');
  return { outcome: 'claimed', token: job.token, attempt: job.attempt, leaseUntil: job.leaseUntil, job };
}

function toSettleAnswer(outcome: SettleOutcome): SettleAnswer {
  return outcome.kind === 'not_found'
    ? { outcome: 'not_found' }
    : { outcome: outcome.kind, status: outcome.status };
}

export interface DispatchOptions {
  readonly type?: string;
  readonly payload?: string;
  readonly partition?: number;
  readonly maxRetries?: number;
  readonly partitionKey?: string;
}

let nextOffset = 0n;

/** Enqueues a job and gives the record that the relay would publish for it. Offsets rise with every call. */
export async function dispatched(
  service: TestService,
  options: DispatchOptions = {},
): Promise<IncomingRecord & { readonly jobId: JobId }> {
  const { job, incoming } = prepared(service, options);
  await service.store.enqueue([job]);
  return { ...incoming, jobId: job.id };
}

/** A job that is not written yet, and the record of its dispatch. */
export function prepared({ deps }: TestService, options: DispatchOptions = {}) {
  const job = newJob(deps, {
    type: (options.type ?? 'noop') as StepId,
    payload: options.payload ?? '{}',
    maxRetries: options.maxRetries ?? 3,
    partitionKey: options.partitionKey,
  });
  const [message] = decodePack(job.dispatch?.message ?? Buffer.alloc(0), 1);
  if (!message) throw new Error('the job has no message');
  const timestamp = deps.clock.now().getTime();
  const { key, value } = message;
  return { job, incoming: record({ partition: options.partition, key, value, timestamp }) };
}

export function record(options: {
  readonly partition?: number | undefined;
  readonly key?: Buffer | null;
  readonly value: Buffer | null;
  readonly timestamp?: number;
}): IncomingRecord {
  const { partition = 0, key = null, value, timestamp = Date.now() } = options;
  nextOffset += 1n;
  return {
    topic: jobTopic('noop' as StepId),
    partition,
    offset: nextOffset,
    timestamp,
    key,
    value,
    headers: [],
  };
}

export async function jobOf({ store }: TestService, id: JobId): Promise<JobRecord> {
  const [job] = await store.getJobs([id]);
  if (!job) throw new Error(`job ${id} is not in the store`);
  return job;
}

export function unavailable(): MillraceError {
  return new MillraceError('unavailable', 'The API is away on purpose.', { retryable: true });
}

/** A deadline that is far away, with what a test wants to be otherwise. */
export function farDeadline(overrides: Partial<Deadline> = {}): Deadline {
  return {
    mayClaim: () => true,
    mayStart: () => true,
    horizonMs: () => 60_000,
    leftMs: () => 120_000,
    stop: new AbortController().signal,
    end: new AbortController().signal,
    ...overrides,
  };
}
