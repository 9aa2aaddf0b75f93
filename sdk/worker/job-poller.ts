import { randomUUID } from 'node:crypto';
import { isMillraceError } from '../../engine/errors.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { JobLanes } from './job-lanes.ts';
import type { LeaseKeeper } from './lease-keeper.ts';
import type { PollApi } from './poll-client.ts';

export interface JobPollerOptions {
  readonly api: PollApi;
  readonly types: readonly string[];
  readonly lanes: JobLanes;
  readonly leases: LeaseKeeper;
  /** How long the API may keep a poll waiting, in milliseconds. Not counted as time of the lease by the API, but by us. */
  readonly waitMs: number;
  /** Between polls of an API that answers at once without a job, in milliseconds. */
  readonly intervalMs: number;
  /** To be refused because jobs go through Kafka is what is expected. */
  readonly standBy: boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Aborts when there is no time left for requests. */
  readonly end: AbortSignal;
}

const MAX_JOBS = 1000;
const RETRY = { baseMs: 200, maxMs: 10_000, standByMs: 2_000 } as const;

/** Takes jobs whenever half of the lanes' room is free. */
export class JobPoller {
  readonly #options: JobPollerOptions;
  #claimId = randomUUID();
  /** Whether a poll under the claim id may have taken jobs that we have not heard of. */
  #again = false;

  constructor(options: JobPollerOptions) {
    this.#options = options;
  }

  /** @returns how many jobs were taken. @throws MillraceError as the API refuses, or `unavailable` */
  async poll(waitMs: number, signal: AbortSignal): Promise<number> {
    const { api, types, lanes, leases, clock } = this.#options;
    const [claimId, again] = [this.#claimId, this.#again];
    const limit = Math.min(lanes.room, MAX_JOBS);
    this.#again = true;
    const since = clock.now().getTime();
    const jobs = await api.poll({ types, limit, claimId, again, waitMs: again ? 0 : waitMs }, signal);
    this.#again = false;
    this.#claimId = randomUUID();
    lanes.add(
      jobs.map(({ id, claim, payloadText }) => ({ lease: leases.hold(id, claim, since), payloadText })),
    );
    return jobs.length;
  }

  /** Polls until the signal aborts. Never rejects: an API that is away is asked again, ever more seldom. */
  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      await this.#options.lanes.halfEmpty(signal);
      if (signal.aborted) break;
      try {
        await this.#pollOrWait(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) break;
        failures += 1;
        await this.#pause(error, failures, signal);
      }
    }
    await this.#collect();
  }

  async #pollOrWait(signal: AbortSignal): Promise<void> {
    const { clock, waitMs, intervalMs } = this.#options;
    const wasAgain = this.#again;
    const since = clock.now().getTime();
    const taken = await this.poll(waitMs, signal);
    const waited = clock.now().getTime() - since;
    // An API that does not keep the poll waiting is not to be asked without a pause.
    if (taken === 0 && !wasAgain && waited < Math.min(intervalMs, waitMs)) {
      await clock.sleep(intervalMs - waited, signal);
    }
  }

  async #pause(error: unknown, failures: number, signal: AbortSignal): Promise<void> {
    const { clock, logger, standBy } = this.#options;
    if (standBy && isMillraceError(error) && error.code === 'poll_disabled') {
      this.#again = false;
      return clock.sleep(RETRY.standByMs, signal);
    }
    const refused = isMillraceError(error) && !error.retryable;
    const pauseMs = refused ? RETRY.maxMs : Math.min(RETRY.baseMs * 2 ** (failures - 1), RETRY.maxMs);
    const code = isMillraceError(error) ? error.code : undefined;
    logger.warn('no jobs can be had from the API; it is asked again', {
      failures,
      code,
      pause_ms: pauseMs,
      error,
    });
    await clock.sleep(pauseMs, signal);
  }

  /** A poll that was given up may have been answered all the same: its jobs would wait for the end of their leases. */
  async #collect(): Promise<void> {
    if (!this.#again) return;
    await this.poll(0, this.#options.end).catch((error: unknown) => {
      this.#options.logger.warn('jobs of a poll that was given up may run only after their lease', { error });
    });
  }
}
