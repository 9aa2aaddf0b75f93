import type { Logger } from '../../engine/ports/logger.ts';
import type { Deadline } from './deadline.ts';
import type { HeldLease, LeaseKeeper } from './lease-keeper.ts';
import type { Reporter } from './reporter.ts';
import { NOT_STARTED, type Settlement } from './run-attempt.ts';

export interface LeasedJob {
  readonly lease: HeldLease;
  readonly payloadText: string;
}

export interface JobLanesOptions {
  /** Handlers that run side by side. */
  readonly lanes: number;
  /** Jobs that may wait for a lane. */
  readonly prefetch: number;
  readonly leases: LeaseKeeper;
  readonly reporter: Reporter;
  readonly deadline: Deadline;
  readonly logger: Logger;
  readonly run: (job: LeasedJob) => Promise<Settlement>;
}

/** Results that may be on their way beyond one for each lane: with more, the API cannot keep up, and nothing is taken. */
const UNRECORDED = 2000;

/** Runs leased jobs, so many at a time, and hands their results to the reporter. */
export class JobLanes {
  readonly #options: JobLanesOptions;
  readonly #waiting: LeasedJob[] = [];
  #running = 0;
  #unrecorded = 0;
  #changed = Promise.withResolvers<void>();

  constructor(options: JobLanesOptions) {
    this.#options = options;
  }

  /** How many more jobs may be taken. */
  get room(): number {
    const { lanes, prefetch } = this.#options;
    if (this.#unrecorded > lanes + UNRECORDED) return 0;
    return lanes + prefetch - this.#running - this.#waiting.length;
  }

  /** Resolves once half of the room is free, so that one request fetches many; or at an abort. */
  async halfEmpty(signal: AbortSignal): Promise<void> {
    const { lanes, prefetch } = this.#options;
    const aborted = Promise.withResolvers<void>();
    const onAbort = () => aborted.resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    while (this.room < (lanes + prefetch) / 2 && !signal.aborted) {
      await Promise.race([this.#changed.promise, aborted.promise]);
    }
    signal.removeEventListener('abort', onAbort);
  }

  add(jobs: readonly LeasedJob[]): void {
    this.#waiting.push(...jobs);
    this.#fill();
  }

  /** Resolves when all that was added has ended and its results are recorded, or given up. */
  async drained(): Promise<void> {
    while (this.#waiting.length + this.#running + this.#unrecorded > 0) await this.#changed.promise;
  }

  #fill(): void {
    while (this.#running < this.#options.lanes) {
      const job = this.#waiting.shift();
      if (!job) return;
      this.#running += 1;
      void this.#work(job);
    }
  }

  /** Never rejects: an attempt does not, and a report is caught. */
  async #work(job: LeasedJob): Promise<void> {
    const { deadline, run, reporter } = this.#options;
    const settlement = deadline.mayStart() ? await run(job) : NOT_STARTED;
    this.#running -= 1;
    this.#unrecorded += 1;
    const recorded = this.#record(job, settlement);
    this.#fill();
    // Nothing else will end soon, so there is nothing to wait for.
    if (this.#running === 0) reporter.flush();
    this.#change();
    await recorded;
  }

  async #record({ lease }: LeasedJob, settlement: Settlement): Promise<void> {
    const { reporter, leases, logger } = this.#options;
    const { attempt, job } = lease.claim;
    const ids = { job_id: lease.id, instance_id: job.instanceId, type: job.type, attempt };
    try {
      const answer = await reporter.report(lease, settlement);
      if (answer?.outcome !== 'settled') {
        logger.warn('a result came too late', { ...ids, outcome: answer?.outcome ?? 'lost' });
      }
    } catch (error) {
      logger.error('a result could not be recorded; its lease will run out', { ...ids, error });
    } finally {
      leases.release(lease);
      this.#unrecorded -= 1;
      this.#change();
    }
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
