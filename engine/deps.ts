import type { StepId } from '../events/ids.ts';
import type { JobPolicy } from './job-policy.ts';
import type { Clock } from './ports/clock.ts';
import type { Cron } from './ports/cron.ts';
import type { RecordStore } from './ports/record-store.ts';
import type { RetryPolicy } from './retry-policy.ts';

export const dispatchModes = ['polling', 'kafka_outbox'] as const;

/** How queued jobs reach workers: workers poll PostgreSQL, or the relay publishes the outbox. */
export type DispatchMode = (typeof dispatchModes)[number];

/** What every command and role is given. The engine itself has no clock, no randomness and no I/O. */
export interface EngineDeps {
  readonly store: RecordStore;
  readonly clock: Clock;
  readonly mode: DispatchMode;
  /** A new UUID of version 7. */
  readonly newId: () => string;
  /** A number from 0 up to 1. */
  readonly random: () => number;
  /** SHA-256 of the text. */
  readonly hash: (text: string) => Buffer;
  /** Read when it is first asked for: most processes never have to do with a schedule. */
  readonly cron: () => Promise<Cron>;
  readonly retryPolicy: RetryPolicy;
  /** What the type of a job declares; where nothing is known of types, none is given. */
  readonly policyOf?: (type: StepId) => JobPolicy | undefined;
}

/** Limits that the API states and the engine keeps, in bytes and counts. */
export const limits = {
  payloadBytes: 256 * 1024,
  batchJobs: 1000,
  /** Of the jobs of one poll together. A Lambda answers with at most 6 MB, and a payload may double when it is quoted. */
  pollPayloadBytes: 1_000_000,
  pollWaitMs: 20_000,
  workflowSteps: 1000,
  maxRetries: 1000,
  leaseMs: { default: 120_000, min: 1_000, max: 12 * 3_600_000 },
} as const;
