import { limits } from '../engine/deps.ts';
import { isMillraceError, MillraceError } from '../engine/errors.ts';
import { silentLogger } from '../engine/ports/logger.ts';
import { isStepId } from '../events/ids.ts';
import { AttemptLimits, LONGEST_ATTEMPT_MS } from './worker/attempt-limits.ts';
import { AttemptSpans } from './worker/attempt-spans.ts';
import { sdkClock } from './worker/clock.ts';
import { RunnerDeadline } from './worker/deadline.ts';
import { JobLanes, type LeasedJob } from './worker/job-lanes.ts';
import { JobPoller } from './worker/job-poller.ts';
import { type HeldLease, LeaseKeeper } from './worker/lease-keeper.ts';
import { createPollClient, type PollApi } from './worker/poll-client.ts';
import { Reporter } from './worker/reporter.ts';
import { runAttempt } from './worker/run-attempt.ts';
import { apiClientOptions, type WorkerOptions, workerSettings } from './worker/worker-options.ts';

export interface PollingRunnerOptions extends WorkerOptions {
  /** Jobs that run side by side; 10 unless given. */
  readonly concurrency?: number;
  /** The types to work for; all that have a handler unless given. */
  readonly types?: readonly string[];
  /** Jobs taken ahead of those that run, so that short ones need not wait for the next request; 0 unless given. */
  readonly prefetch?: number;
  /** How long the API may keep a poll waiting for a job, in milliseconds; 15 seconds unless given. */
  readonly waitMs?: number;
  /** Between polls of an API that does not wait (a Lambda), in milliseconds; 500 unless given. */
  readonly pollIntervalMs?: number;
  /** After `stop`: how long what was taken may go on, in milliseconds; 20 seconds unless given. */
  readonly graceMs?: number;
  /** Waits for its turn where jobs go through Kafka: it takes some only while the API falls back to polling. */
  readonly standBy?: boolean;
  /** Instead of the API at `apiUrl`: in the same process. */
  readonly pollApi?: PollApi;
}

interface Run {
  readonly stopping: AbortController;
  readonly deadline: RunnerDeadline;
  readonly leases: LeaseKeeper;
  readonly attempts: AttemptLimits;
  readonly lanes: JobLanes;
  readonly poller: JobPoller;
  polling: Promise<void>;
}

/** A long-lived worker without a broker: takes queued jobs through the API and runs them as the other workers do. */
export class PollingRunner {
  readonly #options: PollingRunnerOptions;
  readonly #settings: ReturnType<typeof workerSettings>;
  readonly #types: readonly string[];
  readonly #api: PollApi;
  #run: Run | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  /** @throws MillraceError `configuration` when an option is out of its range */
  constructor(options: PollingRunnerOptions) {
    const withDefaults = { ...options, concurrency: options.concurrency ?? 10 };
    this.#options = withDefaults;
    this.#settings = workerSettings(withDefaults);
    this.#types = typesOf(options);
    this.#api = options.pollApi ?? createPollClient(apiClientOptions(withDefaults));
  }

  /** Resolves after the first poll. Rejects when the API refuses it; an API that is away is asked again and again. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** Takes nothing more, lets what was taken go on for the grace, then aborts it. Resolves when all has ended. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #start(): Promise<void> {
    const run = this.#open();
    this.#run = run;
    try {
      await run.poller.poll(0, run.stopping.signal);
    } catch (error) {
      if (isMillraceError(error) && !error.retryable && !this.#awaits(error)) {
        await this.#wind(run);
        throw error;
      }
    }
    run.polling = run.poller.run(run.stopping.signal);
  }

  #awaits({ code }: MillraceError): boolean {
    return this.#options.standBy === true && code === 'poll_disabled';
  }

  async #stop(): Promise<void> {
    const run = this.#run;
    if (!run) return;
    run.stopping.abort(new Error('the worker is shutting down'));
    // A start under way must end first. Its failure is told to who started.
    await this.#starting?.catch(() => undefined);
    await this.#wind(run);
  }

  async #wind(run: Run): Promise<void> {
    run.deadline.beginStop();
    run.stopping.abort(new Error('the worker is shutting down'));
    await run.polling;
    await run.lanes.drained();
    run.attempts[Symbol.dispose]();
    await run.leases[Symbol.asyncDispose]();
    run.deadline.finish();
  }

  #open(): Run {
    const { graceMs = 20_000, prefetch = 0, waitMs = 15_000, pollIntervalMs = 500 } = this.#options;
    const { api, leaseMs, concurrency, clock = sdkClock, logger = silentLogger } = this.#settings;
    const deadline = new RunnerDeadline({ clock, graceMs });
    const leases = new LeaseKeeper({ api, leaseMs, clock, logger });
    const spans = new AttemptSpans(this.#settings.tracing, 'postgresql');
    const reporter = new Reporter({ api, clock, spans, end: deadline.end });
    const { handlerTimeoutMs: timeoutMs = LONGEST_ATTEMPT_MS } = this.#settings;
    const attempts = new AttemptLimits({ clock, timeoutMs, stop: deadline.stop });
    const run = this.#attempt(leases, attempts, spans);
    const lanes = new JobLanes({ lanes: concurrency, prefetch, leases, reporter, deadline, logger, run });
    const poller = new JobPoller({
      api: this.#api,
      types: this.#types,
      lanes,
      leases,
      // The lease may have begun when the poll was sent, as far as we can tell: most of it must be left after the wait.
      waitMs: Math.min(waitMs, limits.pollWaitMs, leaseMs / 4),
      intervalMs: pollIntervalMs,
      standBy: this.#options.standBy ?? false,
      clock,
      logger,
      end: deadline.end,
    });
    return {
      stopping: new AbortController(),
      deadline,
      leases,
      attempts,
      lanes,
      poller,
      polling: Promise.resolve(),
    };
  }

  #attempt(leases: LeaseKeeper, limits: AttemptLimits, spans: AttemptSpans) {
    const { handlers, clock = sdkClock, logger = silentLogger } = this.#settings;
    const heartbeat = (lease: HeldLease) => leases.extend(lease);
    const options = { handlers, logger, clock, limits, heartbeat, spans };
    return ({ lease, payloadText }: LeasedJob) => runAttempt(lease, payloadText, options);
  }
}

function typesOf({ types, handlers }: PollingRunnerOptions): readonly string[] {
  const names = types ?? Object.keys(handlers);
  const wrong = names.find((name) => !isStepId(name));
  if (wrong === undefined && names.length > 0) return names;
  const reason = wrong === undefined ? 'There is no job type to work for' : `"${wrong}" cannot be a job type`;
  throw new MillraceError(
    'configuration',
    `${reason}. Give a handler for each type: defineConfig({ jobs: { … } }).`,
  );
}
