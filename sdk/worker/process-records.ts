import type { Clock } from '../../engine/ports/clock.ts';
import type { BatchOutcome, IncomingRecord } from '../../engine/ports/event-streamer.ts';
import { type Logger, silentLogger } from '../../engine/ports/logger.ts';
import type { JobHandlers } from '../define.ts';
import { AttemptLimits, LONGEST_ATTEMPT_MS } from './attempt-limits.ts';
import { AttemptSpans, type WorkerTracing } from './attempt-spans.ts';
import { Claimer } from './claimer.ts';
import { sdkClock } from './clock.ts';
import type { Deadline } from './deadline.ts';
import { type DecodedBatch, decodeBatch } from './entries.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { Pace } from './pace.ts';
import { type BatchTools, PartitionRun } from './partition-run.ts';
import { Reporter } from './reporter.ts';
import { runAttempt } from './run-attempt.ts';
import type { Undecodable, WorkerApi } from './worker-api.ts';

export interface ProcessRecordsOptions {
  readonly handlers: JobHandlers;
  readonly api: WorkerApi;
  /** What the API was told about the length of a lease, in milliseconds. */
  readonly leaseMs: number;
  /** Between two heartbeats, in milliseconds: a third of the lease unless given, and 5 seconds at most. */
  readonly beatMs?: number | undefined;
  /** 1: the records of a partition one after the other. More: so many keys of a partition side by side, each in order. */
  readonly concurrency?: number;
  /** An attempt may take this long, in milliseconds; 15 minutes unless given. */
  readonly handlerTimeoutMs?: number;
  readonly logger?: Logger;
  readonly tracing?: WorkerTracing | undefined;
  readonly clock?: Clock;
}

/** The records of one topic → which of them must come again. Never rejects for a job's sake. */
export type ProcessRecords = (
  records: readonly IncomingRecord[],
  deadline: Deadline,
) => Promise<BatchOutcome>;

/**
 * What push (an MSK event) and pull (a receiver) both feed. A record is handled once its result is recorded, or once it is
 * sure that there is none to record; all others come again, from the first of each partition on.
 */
export function createProcessRecords(options: ProcessRecordsOptions): ProcessRecords {
  const pace = new Pace();
  return async (records, deadline) => {
    const { clock = sdkClock, logger = silentLogger, api, leaseMs, beatMs } = options;
    await using leases = new LeaseKeeper({ api, leaseMs, beatMs, clock, logger });
    using limits = new AttemptLimits({
      clock,
      timeoutMs: options.handlerTimeoutMs ?? LONGEST_ATTEMPT_MS,
      stop: deadline.stop,
    });
    const tools = openTools(options, { pace, leases, deadline, limits });
    const batch = decodeBatch(records);
    const blocked = await passOverUndecodable(batch.undecodable, tools);
    const runs = await runPartitions(batch, blocked, tools);
    return { failed: firstFailures(runs, blocked) };
  };
}

function openTools(
  options: ProcessRecordsOptions,
  {
    limits,
    ...shared
  }: Pick<BatchTools, 'pace' | 'leases' | 'deadline'> & { readonly limits: AttemptLimits },
): BatchTools {
  const { clock = sdkClock, logger = silentLogger, api, handlers, concurrency = 1 } = options;
  const { leases, deadline } = shared;
  const spans = new AttemptSpans(options.tracing, 'kafka');
  const attempt = {
    handlers,
    logger,
    clock,
    limits,
    spans,
    heartbeat: (lease: Parameters<LeaseKeeper['extend']>[0]) => leases.extend(lease),
  };
  return {
    ...shared,
    api,
    logger,
    concurrency,
    now: () => clock.now().getTime(),
    claimer: new Claimer({ api, leases, clock, stop: deadline.stop }),
    reporter: new Reporter({ api, clock, spans, end: deadline.end }),
    run: (lease, payloadText) => runAttempt(lease, payloadText, attempt),
  };
}

/**
 * Records what is not a dispatch, so that it never blocks its partition.
 * @returns where each partition is blocked all the same, because the API cannot be reached
 */
async function passOverUndecodable(
  undecodable: readonly Undecodable[],
  { api, deadline, logger }: BatchTools,
): Promise<Map<number, bigint>> {
  const blocked = new Map<number, bigint>();
  if (undecodable.length === 0) return blocked;
  try {
    await api.recordUndecodable(undecodable, deadline.stop);
    for (const { topic, partition, offset, reason } of undecodable) {
      logger.warn('an undecodable record was passed over', { topic, partition, offset, reason });
    }
  } catch (error) {
    logger.error('undecodable records could not be recorded and will come again', { error });
    for (const { partition, offset } of undecodable) {
      const first = blocked.get(partition);
      if (first === undefined || offset < first) blocked.set(partition, offset);
    }
  }
  return blocked;
}

async function runPartitions(
  { partitions }: DecodedBatch,
  blocked: ReadonlyMap<number, bigint>,
  tools: BatchTools,
): Promise<Map<number, PartitionRun>> {
  const runs = new Map<number, PartitionRun>();
  const running = [...partitions].map(([partition, entries]) => {
    const run = new PartitionRun(tools);
    runs.set(partition, run);
    const end = blocked.get(partition);
    return run.run(end === undefined ? entries : entries.filter(({ offset }) => offset < end));
  });
  // Every partition has asked by now: one call claims for all.
  tools.claimer.flush();
  await Promise.all(running);
  tools.reporter.flush();
  await Promise.all([...runs.values()].map((run) => run.recorded()));
  return runs;
}

function firstFailures(
  runs: ReadonlyMap<number, PartitionRun>,
  blocked: ReadonlyMap<number, bigint>,
): BatchOutcome['failed'] {
  const failed = new Map(blocked);
  for (const [partition, { failedAt }] of runs) {
    // A blocked partition runs only what lies before the block.
    if (failedAt !== undefined) failed.set(partition, failedAt);
  }
  return [...failed].map(([partition, offset]) => ({ partition, offset }));
}
