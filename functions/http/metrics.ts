import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { WalSample } from '../../adapters/postgres/wal-guard.ts';
import { createHopSeconds } from '../../adapters/prometheus/hop-seconds.ts';
import { processMetrics } from '../../adapters/prometheus/process-metrics.ts';
import { createStoreWatch } from '../../adapters/prometheus/watched-store.ts';
import type { DispatchMode } from '../../engine/deps.ts';
import type { JobStatus } from '../../engine/job.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { RecordStore, StoreCounts } from '../../engine/ports/record-store.ts';
import type { JobId } from '../../events/ids.ts';
import { requestMetrics } from './request-metrics.ts';
import { createWalMetrics } from './wal-metrics.ts';

export interface JobMetrics {
  enqueued(types: Iterable<string>): void;
  claimed(pickup: Pickup): void;
  completed(jobs: readonly CompletedJob[]): void;
  failed(): void;
  /** A result that changed nothing. */
  refused(status: JobStatus | 'not_found'): void;
  /** What the guard of the write-ahead log saw. */
  guarded(sample: WalSample): void;
  /** The same store, what is written through it counted. */
  watch(store: RecordStore): RecordStore;
  /** The page in Prometheus' text format, gauges freshly sampled. */
  page(): Promise<string>;
}

/** A claimed job, in milliseconds. */
export interface Pickup {
  readonly queuedMs: number;
  /** What the claim took in the database. */
  readonly claimMs: number;
  /** Since the broker had its message; undefined where there is no broker, or the claimant did not say. */
  readonly sincePublishedMs?: number | undefined;
}

export interface CompletedJob {
  readonly id: JobId;
  /** From the claim to the result, by the worker's clock. */
  readonly heldMs?: number | undefined;
}

interface Sampled {
  readonly store: Pick<RecordStore, 'counts'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Metrics of jobs as this process sees them. Each dispatch mode shows its own only. */
export function createJobMetrics(mode: DispatchMode, sampled: Sampled): JobMetrics {
  const registry = new Registry();
  const registers = [registry];
  const watch = createStoreWatch(mode, registry);
  const total = new Counter({ name: 'jobs_total', help: 'Jobs accepted.', labelNames: ['type'], registers });
  const success = new Counter({ name: 'jobs_success_total', help: 'Completions recorded.', registers });
  const failures = new Counter({ name: 'jobs_failed_total', help: 'Failed attempts recorded.', registers });
  const refusals = new Counter({
    name: 'job_results_refused_total',
    help: 'Results that came too late, or for a job that is not there (not_found), by the status of the job.',
    labelNames: ['status'],
    registers,
  });
  const latency = new Histogram({
    name: 'job_latency_seconds',
    help: 'Time from the acceptance of a job to its completion.',
    buckets: POWERS_OF_TWO_MS,
    registers,
  });
  const wal = mode === 'kafka_outbox' ? createWalMetrics(registers) : undefined;
  const run = new Histogram({
    name: 'job_run_seconds',
    help: 'Time from the claim of a job to its result, as its worker tells.',
    buckets: POWERS_OF_TWO_MS,
    registers,
  });
  const claimed = mode === 'polling' ? createPickupMetrics(registers) : createClaimHop(registers);
  const sample = createGauges(registers, sampled);
  return {
    enqueued: (types) => {
      for (const [type, count] of countEach(types)) total.inc({ type }, count);
    },
    claimed,
    completed: (jobs) => {
      success.inc(jobs.length);
      const now = sampled.clock.now().getTime();
      for (const { id, heldMs } of jobs) {
        latency.observe(Math.max(0, now - createdAtMs(id)) / 1000);
        if (heldMs !== undefined) run.observe(heldMs / 1000);
      }
    },
    failed: () => failures.inc(),
    refused: (status) => refusals.inc({ status }),
    guarded: (seen) => wal?.(seen),
    watch,
    page: async () => {
      await sample();
      const shown = [...registers, requestMetrics, processMetrics];
      return (await Promise.all(shown.map((registry) => registry.metrics()))).join('\n');
    },
  };
}

/** From a millisecond to nine minutes. */
const POWERS_OF_TWO_MS = Array.from({ length: 20 }, (_, power) => 0.001 * 2 ** power);

function countEach(types: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const type of types) counts.set(type, (counts.get(type) ?? 0) + 1);
  return counts;
}

/** The hops before it are the relay's to tell; that of the claim compares two clocks, the database's and the relay's. */
function createClaimHop([registry]: Registry[]): JobMetrics['claimed'] {
  const hops = registry && createHopSeconds(registry, ['claim']);
  return ({ sincePublishedMs }) => {
    if (sincePublishedMs !== undefined) hops?.add('claim', Math.max(0, sincePublishedMs) / 1000, 1);
  };
}

function createPickupMetrics(registers: Registry[]): JobMetrics['claimed'] {
  const buckets = POWERS_OF_TWO_MS.slice(0, 18);
  const pickup = new Histogram({
    name: 'job_pickup_latency',
    help: 'Seconds a job was queued before it was claimed.',
    buckets,
    registers,
  });
  const wait = new Histogram({
    name: 'lock_wait_seconds',
    help: 'Seconds a claim took in the database, waiting for locks included.',
    buckets,
    registers,
  });
  const fine = new Histogram({
    name: 'engine_job_pickup_latency_seconds',
    help: 'Time a job was queued before it was claimed; as job_pickup_latency, with other buckets.',
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  return ({ queuedMs, claimMs }) => {
    const queued = Math.max(0, queuedMs) / 1000;
    pickup.observe(queued);
    fine.observe(queued);
    wait.observe(claimMs / 1000);
  };
}

/** Counting costs time in proportion to what is queued: it may take a tenth of the time at most. */
const SAMPLE = { everyMs: 1_000, restFactor: 10 } as const;

function createGauges(registers: Registry[], { store, clock, logger }: Sampled): () => Promise<void> {
  const queued = new Gauge({ name: 'queue_depth', help: 'Jobs queued and not claimed.', registers });
  const dead = new Gauge({ name: 'dead_letter_depth', help: 'Jobs among the dead letters.', registers });
  const busy = new Gauge({ name: 'worker_busy', help: 'Jobs being run by all workers.', registers });
  const show = (counts: StoreCounts | undefined) => {
    // Without an answer there is no value to show; an old one would look like a fact.
    if (!counts) for (const gauge of [queued, dead, busy]) gauge.remove();
    else {
      queued.set(counts.queueDepth);
      dead.set(counts.deadLetterDepth);
      busy.set(counts.running);
    }
  };
  let next = 0;
  let sampling: Promise<void> | undefined;
  const sample = async () => {
    const start = clock.now().getTime();
    try {
      show(await store.counts());
    } catch (error) {
      show(undefined);
      logger.warn('job counts are missing from the metrics page', { error });
    }
    const end = clock.now().getTime();
    next = end + Math.max(SAMPLE.everyMs, (end - start) * SAMPLE.restFactor);
    sampling = undefined;
  };
  return () => {
    if (!sampling && clock.now().getTime() < next) return Promise.resolve();
    sampling ??= sample();
    return sampling;
  };
}

/** A job's id is a UUID of version 7, whose first 48 bits are the milliseconds of its creation. */
function createdAtMs(id: JobId): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
