import type { MSKEvent } from 'aws-lambda';
import type { Clock } from '../../engine/ports/clock.ts';
import type {
  BatchOutcome,
  EventStreamer,
  IncomingRecord,
  Receiver,
} from '../../engine/ports/event-streamer.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { StepId } from '../../events/ids.ts';
import { jobTopic, workerGroup } from '../../events/topics.ts';
import { eventSize, readResponse, toMskEvent, wholeBatch } from './msk-event.ts';

export interface InvocationContext {
  /** As in Lambda's context. */
  readonly getRemainingTimeInMillis: () => number;
}

export interface MskEventSourceOptions {
  readonly streamer: EventStreamer;
  readonly steps: readonly StepId[];
  /** The function. Its rejection, like its timeout, brings the whole batch again. */
  readonly invoke: (event: MSKEvent, context: InvocationContext) => Promise<unknown>;
  readonly bootstrapServers: string;
  readonly batchSize: number;
  readonly batchWindowMs: number;
  /** The function's timeout, in milliseconds. */
  readonly timeoutMs: number;
  readonly logger: Logger;
  readonly clock: Clock;
}

export interface MskEventSource {
  /** Lets the invocations under way end, then leaves the groups. Safe to call twice. */
  stop(): Promise<void>;
}

/** Lambda's limit for the event of a synchronous invocation. */
const MAX_EVENT_BYTES = 6 * 1024 * 1024;
const REOPEN = { firstMs: 500, maxMs: 30_000 } as const;

/**
 * The local stand-in for Lambda's MSK event source mapping: a consumer group for each step, the exact event, partial-batch
 * responses, offsets committed only after success. Resolves when every group has been joined.
 */
export async function startMskEventSource(options: MskEventSourceOptions): Promise<MskEventSource> {
  const stopping = new AbortController();
  const receivers = await Promise.all(options.steps.map((step) => openReceiver(options, step)));
  const running = receivers.map((receiver, index) => {
    const step = options.steps[index];
    return step === undefined
      ? Promise.resolve()
      : keepReceiving(options, { step, receiver, signal: stopping.signal });
  });
  return {
    async stop() {
      stopping.abort();
      await Promise.all(running);
    },
  };
}

function openReceiver(
  { streamer, batchSize, batchWindowMs }: MskEventSourceOptions,
  step: StepId,
): Promise<Receiver> {
  return streamer.receiver({ topic: jobTopic(step), group: workerGroup(step), batchSize, batchWindowMs });
}

interface Mapping {
  readonly step: StepId;
  readonly receiver: Receiver;
  readonly signal: AbortSignal;
}

/** A mapping does not end because a broker did: it is opened again until it is stopped. */
async function keepReceiving(
  options: MskEventSourceOptions,
  { step, receiver: first, signal }: Mapping,
): Promise<void> {
  let receiver: Receiver | undefined = first;
  for (let failures = 0; receiver || !signal.aborted; ) {
    try {
      receiver ??= await openReceiver(options, step);
      await receiver.run((batch) => deliver(options, batch), signal);
      return;
    } catch (error) {
      receiver = undefined;
      failures += 1;
      options.logger.error('an event source mapping was lost and is opened again', { step, failures, error });
      await options.clock.sleep(Math.min(REOPEN.firstMs * 2 ** (failures - 1), REOPEN.maxMs), signal);
    }
  }
}

/** Several events when one would be too large; a failure in one does not touch what the next ones bring of other partitions. */
async function deliver(
  options: MskEventSourceOptions,
  batch: readonly IncomingRecord[],
): Promise<BatchOutcome> {
  const failed = new Map<number, bigint>();
  for (const records of splitBySize(batch)) {
    const open = records.filter(({ partition }) => !failed.has(partition));
    if (open.length === 0) continue;
    const outcome = await invokeOnce(options, open);
    for (const { partition, offset } of outcome.failed) failed.set(partition, offset);
  }
  return { failed: [...failed].map(([partition, offset]) => ({ partition, offset })) };
}

function* splitBySize(batch: readonly IncomingRecord[]): Generator<readonly IncomingRecord[]> {
  let from = 0;
  let bytes = 0;
  for (const [index, record] of batch.entries()) {
    const size = eventSize(record);
    if (bytes + size > MAX_EVENT_BYTES && index > from) {
      yield batch.slice(from, index);
      from = index;
      bytes = 0;
    }
    bytes += size;
  }
  if (from < batch.length) yield batch.slice(from);
}

async function invokeOnce(
  options: MskEventSourceOptions,
  records: readonly IncomingRecord[],
): Promise<BatchOutcome> {
  const { invoke, clock, timeoutMs, bootstrapServers, logger } = options;
  const deadline = clock.now().getTime() + timeoutMs;
  const context = { getRemainingTimeInMillis: () => Math.max(0, deadline - clock.now().getTime()) };
  const timer = new AbortController();
  const timeout = clock.sleep(timeoutMs, timer.signal).then(() => {
    if (!timer.signal.aborted) throw new Error(`the function did not answer within ${timeoutMs} ms`);
  });
  try {
    const answer = await Promise.race([
      invoke(toMskEvent(records, bootstrapServers), context),
      timeout.then(never),
    ]);
    return readResponse(answer, records);
  } catch (error) {
    logger.warn('an invocation failed; its whole batch comes again', {
      topic: records[0]?.topic,
      count: records.length,
      error,
    });
    return wholeBatch(records);
  } finally {
    timer.abort();
  }
}

/** The time-out either rejects or, being cancelled, must not win the race. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}
