import { isMillraceError, MillraceError } from '../engine/errors.ts';
import type { Clock } from '../engine/ports/clock.ts';
import type { EventStreamer, Receiver } from '../engine/ports/event-streamer.ts';
import { type Logger, silentLogger } from '../engine/ports/logger.ts';
import { isStepId, type StepId } from '../events/ids.ts';
import { jobTopic, workerGroup } from '../events/topics.ts';
import { sdkClock } from './worker/clock.ts';
import { RunnerDeadline } from './worker/deadline.ts';
import type { ProcessRecords } from './worker/process-records.ts';
import { processRecordsFrom, type WorkerOptions } from './worker/worker-options.ts';

export interface KafkaRunnerOptions extends WorkerOptions {
  readonly streamer: EventStreamer;
  /** The steps to work for; all that have a handler unless given. */
  readonly steps?: readonly string[];
  /** Records of a batch, at most; 100 unless given. A batch is of one partition, so that none waits for another's handlers. */
  readonly batchSize?: number;
  /** After `stop`: how long what is claimed may go on, in milliseconds; 20 seconds unless given. */
  readonly graceMs?: number;
}

const RECONNECT = { baseMs: 500, maxMs: 30_000 } as const;

interface Run {
  readonly stopping: AbortController;
  readonly deadline: RunnerDeadline;
  readonly receivers: Promise<void>[];
}

/** A long-lived worker: one receiver for each step, all feeding the process that the Lambda function runs too. */
export class KafkaRunner {
  readonly #options: KafkaRunnerOptions;
  readonly #process: ProcessRecords;
  readonly #steps: readonly StepId[];
  readonly #logger: Logger;
  readonly #clock: Clock;
  #run: Run | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: KafkaRunnerOptions) {
    this.#options = options;
    this.#process = processRecordsFrom(options);
    this.#steps = (options.steps ?? Object.keys(options.handlers)).map(toStepId);
    this.#logger = options.logger ?? silentLogger;
    this.#clock = options.clock ?? sdkClock;
  }

  /** Resolves when every step has its receiver; rejects, with nothing left open, when one cannot be had. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /**
   * Claims nothing more, lets what is claimed go on for the grace, then aborts it. Resolves when all has ended. What was not
   * acknowledged comes again to another member of the group.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #start(): Promise<void> {
    const { graceMs = 20_000 } = this.#options;
    const run: Run = {
      stopping: new AbortController(),
      deadline: new RunnerDeadline({ clock: this.#clock, graceMs }),
      receivers: [],
    };
    this.#run = run;
    const receivers = await Promise.allSettled(this.#steps.map((step) => this.#receiver(step)));
    for (const [index, step] of this.#steps.entries()) {
      const receiver = receivers[index];
      if (receiver?.status === 'fulfilled')
        run.receivers.push(this.#keepReceiving(step, receiver.value, run));
    }
    const failed = receivers.find((receiver) => receiver.status === 'rejected');
    if (!failed) return;
    await this.#wind(run);
    throw failed.reason;
  }

  async #stop(): Promise<void> {
    const run = this.#run;
    if (!run) return;
    // A start under way must end first: it would add receivers behind our back. Its failure is told to who started.
    const started = this.#starting?.catch(() => undefined);
    run.stopping.abort(new Error('the worker is shutting down'));
    await started;
    await this.#wind(run);
  }

  async #wind({ deadline, stopping, receivers }: Run): Promise<void> {
    deadline.beginStop();
    stopping.abort(new Error('the worker is shutting down'));
    await Promise.all(receivers);
    deadline.finish();
  }

  #receiver(step: StepId): Promise<Receiver> {
    const { streamer, batchSize = 100 } = this.#options;
    return streamer.receiver({
      topic: jobTopic(step),
      group: workerGroup(step),
      batchSize,
      batchWindowMs: 0,
    });
  }

  /** Never rejects: a broker that is lost is looked for again until the runner stops. */
  async #keepReceiving(step: StepId, first: Receiver, run: Run): Promise<void> {
    const { signal } = run.stopping;
    let receiver: Receiver | undefined = first;
    // What was opened is always run, even when the order to stop has come: running is also what closes it.
    for (let failures = 0; receiver !== undefined || !signal.aborted; ) {
      try {
        receiver ??= await this.#receiver(step);
        await receiver.run((batch) => {
          failures = 0;
          return this.#process(batch, run.deadline);
        }, signal);
        return;
      } catch (error) {
        receiver = undefined;
        failures += 1;
        const code = isMillraceError(error) ? error.code : undefined;
        this.#logger.error('a receiver was lost and is opened again', { step, failures, code, error });
        const pause = Math.min(RECONNECT.baseMs * 2 ** (failures - 1), RECONNECT.maxMs);
        await this.#clock.sleep(pause, signal);
      }
    }
  }
}

function toStepId(name: string): StepId {
  if (isStepId(name)) return name;
  throw new MillraceError(
    'configuration',
    `"${name}" cannot be a step id: it names a Kafka topic. Use letters, digits, ".", "_" and "-", at most 200.`,
  );
}
