import { isMillraceError } from '../errors.ts';
import { keepAlive } from '../keep-alive.ts';
import type { BusDelivery, ConsumerSpec } from '../ports/event-bus.ts';
import { withFields } from '../ports/logger.ts';
import type { NewRecord, WorkflowRecord } from '../ports/workflow-record-store.ts';
import { Lanes } from './lanes.ts';
import { RECORD_STREAM } from './outbox-publisher.ts';
import type { RecordParts, StepResult } from './record-parts.ts';
import { timeoutOf } from './record-timeouts.ts';
import {
  cut,
  isUnderWay,
  movedTo,
  type RecordOptions,
  type RecordRun,
  type RecordWorkflow,
  recordAfter,
  recordDefaults,
  type StepOutcome,
  statusesOf,
} from './record-workflow.ts';

/** How long the runs of a process that died wait for another: as long as its roles do. */
const ACK_WAIT_MS = 10_000;
/** Those who give up on a run are its own pauses, not the bus. */
const MAX_DELIVER = 1_000_000;
/** What waits for its next try counts with some buses: it must leave room for the runs that nothing is wrong with. */
const LEAST_PENDING = 100;
const MAX_WAIT_MS = 30_000;

export interface StepSignals {
  /** Begin no more steps. */
  readonly stop: AbortSignal;
  /** End those under way. */
  readonly insist: AbortSignal;
  /** Something was stored, so that there is an event to publish. */
  readonly stored: () => void;
}

export function consumerOf({ name, options }: RecordWorkflow): ConsumerSpec {
  const { parallelCount = recordDefaults.parallelCount } = options ?? {};
  return {
    stream: RECORD_STREAM,
    name,
    filterSubject: `${RECORD_STREAM}.${name}.*`,
    ackWaitMs: ACK_WAIT_MS,
    maxDeliver: MAX_DELIVER,
    maxPending: Math.max(LEAST_PENDING, 2 * parallelCount),
  };
}

interface Failure {
  readonly error: unknown;
}

/**
 * Does the steps of one workflow as its events come. An event is a hint: what counts is the record, and a step's outcome is
 * stored only while the record has the version that the step was done at. So a step can be done twice, and count once.
 */
export class StepWorker {
  readonly #workflow: RecordWorkflow;
  readonly #parts: RecordParts;
  readonly #signals: StepSignals;
  readonly #options: Required<RecordOptions>;
  readonly #lanes: Lanes;
  readonly #statuses: ReadonlySet<number>;

  constructor(workflow: RecordWorkflow, parts: RecordParts, signals: StepSignals) {
    this.#workflow = workflow;
    this.#parts = { ...parts, logger: withFields(parts.logger, { workflow: workflow.name }) };
    this.#signals = signals;
    this.#options = { ...recordDefaults, ...workflow.options };
    this.#lanes = new Lanes(this.#options.parallelCount);
    this.#statuses = statusesOf(workflow);
  }

  /** Resolves once the signal has aborted and what was under way is settled. */
  run(): Promise<void> {
    const { stream, name } = consumerOf(this.#workflow);
    return this.#parts.bus.subscribe(
      { stream, name },
      (delivery) => this.#take(delivery),
      this.#signals.stop,
    );
  }

  async #take(delivery: BusDelivery): Promise<void> {
    const ended = new AbortController();
    const { clock } = this.#parts;
    const keeping = keepAlive([delivery], { clock, ackWaitMs: ACK_WAIT_MS }, ended.signal);
    try {
      await this.#lanes.run(() => this.#work(delivery));
    } finally {
      ended.abort();
      await keeping;
    }
  }

  async #work(delivery: BusDelivery): Promise<void> {
    const { watch, clock } = this.#parts;
    const startedAt = clock.now().getTime();
    try {
      const result = await this.#settle(delivery);
      watch?.step(this.#workflow.name, result, (clock.now().getTime() - startedAt) / 1_000);
    } catch (error) {
      // Only when it must end: as long as it may go on, it asks until the store answers.
      if (!this.#signals.stop.aborted) throw error;
      await delivery.nak({ reason: 'the process that worked on it ended' });
    }
  }

  async #settle(delivery: BusDelivery): Promise<StepResult> {
    const { run_id = '', record_version } = delivery.headers;
    const record = await this.#answered(() => this.#parts.records.lookup(run_id));
    if (!record || String(record.version) !== record_version || !isUnderWay(record)) {
      await delivery.ack();
      return 'passed_over';
    }
    const next = await this.#advance(record, delivery.deliveryCount).catch((error: unknown) => ({ error }));
    const isFailure = next !== undefined && 'error' in next;
    if (isFailure && this.#signals.insist.aborted) throw next.error;
    const change = isFailure ? this.#afterFailure(record, delivery.deliveryCount, next) : next;
    if (isFailure && !change) {
      await delivery.nak({ delayMs: this.#options.errBackOff, reason: reasonOf(next.error) });
      return 'failed';
    }
    const result = await this.#store(change);
    await delivery.ack();
    return result;
  }

  /** @returns what is to be stored, if anything */
  async #advance(record: WorkflowRecord, tries: number): Promise<NewRecord | undefined> {
    const step = this.#workflow.steps[record.status];
    if (!step) return movedTo(this.#workflow, record, this.#knownEnd(record.status));
    const run = this.#runOf(record, tries);
    const timeout = timeoutOf(this.#workflow, { record, run });
    if (timeout) await this.#answered(async () => this.#parts.timeouts?.create(timeout));
    const outcome: StepOutcome = step.run ? await step.run(run) : undefined;
    return recordAfter(this.#workflow, record, outcome);
  }

  /** A status of a later version of the workflow is no end: it waits, as a step that fails, for a process that knows it. */
  #knownEnd(status: number): number {
    if (this.#statuses.has(status)) return status;
    throw new Error(`${this.#workflow.name} has no status ${status} in the version that runs here`);
  }

  #runOf(record: WorkflowRecord, tries: number): RecordRun {
    const { runId, foreignId, status, version, object, createdAt, updatedAt } = record;
    const logger = withFields(this.#parts.logger, { runId, foreignId, status });
    const data: unknown = object.length === 0 ? undefined : JSON.parse(object.toString());
    const { insist: signal } = this.#signals;
    return { runId, foreignId, status, version, data, createdAt, updatedAt, tries, signal, logger };
  }

  #afterFailure(record: WorkflowRecord, tries: number, { error }: Failure): NewRecord | undefined {
    const { pauseAfterErrCount, errBackOff } = this.#options;
    const { runId, foreignId, status } = record;
    const isPaused = pauseAfterErrCount > 0 && tries >= pauseAfterErrCount;
    const message = isPaused
      ? 'a step has failed so often that its run is paused'
      : 'a step has failed; it is tried again';
    this.#parts.logger.warn(message, { runId, foreignId, status, tries, errBackOff, error });
    return isPaused ? { ...record, runState: 'paused', reason: cut(reasonOf(error)) } : undefined;
  }

  async #store(change: NewRecord | undefined): Promise<StepResult> {
    if (!change) return 'stayed';
    const outcome = await this.#answered(() => this.#parts.records.store(change));
    this.#signals.stored();
    if (outcome.kind === 'stored') return resultOf(change);
    this.#parts.logger.info('a run was stored by others while its step was done', {
      runId: change.runId,
      outcome: outcome.kind,
    });
    return 'overtaken';
  }

  /**
   * Asks until there is an answer. A store that is away must not count against a run, as each delivery would. What was written
   * by a call without an answer is found by its version the next time.
   */
  async #answered<T>(ask: () => Promise<T>): Promise<T> {
    const { clock, logger } = this.#parts;
    for (let failures = 1; ; failures += 1) {
      try {
        return await ask();
      } catch (error) {
        if (this.#signals.stop.aborted || (isMillraceError(error) && error.code === 'invalid_request'))
          throw error;
        logger.warn('a store does not answer; it is asked again', { failures, error });
        const pause = Math.min(this.#options.errBackOff * 2 ** Math.min(failures - 1, 10), MAX_WAIT_MS);
        await clock.sleep(pause, this.#signals.stop);
      }
    }
  }
}

function resultOf({ runState }: NewRecord): StepResult {
  if (runState === 'paused' || runState === 'cancelled' || runState === 'completed') return runState;
  return 'moved';
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
