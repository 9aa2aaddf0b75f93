import type { Logger } from '../../engine/ports/logger.ts';
import type { Claim, Claimer } from './claimer.ts';
import type { Deadline } from './deadline.ts';
import { type Entry, toUndecodable } from './entries.ts';
import type { HeldLease, LeaseKeeper } from './lease-keeper.ts';
import type { Pace } from './pace.ts';
import type { Reporter } from './reporter.ts';
import { NOT_STARTED, type Settlement } from './run-attempt.ts';
import type { WorkerApi } from './worker-api.ts';

/** What the partitions of one batch share. */
export interface BatchTools {
  readonly api: WorkerApi;
  readonly claimer: Claimer;
  readonly leases: LeaseKeeper;
  readonly reporter: Reporter;
  readonly deadline: Deadline;
  readonly pace: Pace;
  readonly logger: Logger;
  /** Keys of one partition that may be worked on side by side. */
  readonly concurrency: number;
  readonly now: () => number;
  readonly run: (lease: HeldLease, payloadText: string) => Promise<Settlement>;
}

/** A job unknown for this long after its dispatch is gone: deleted, or lost with a restore. In milliseconds. */
const GONE_AFTER_MS = 10 * 60_000;

/** The records of one partition, in order: claimed in chunks, run, their results handed to the reporter. */
export class PartitionRun {
  readonly #tools: BatchTools;
  readonly #recordings: Promise<void>[] = [];
  #failedAt: bigint | undefined;
  /** The API cannot be reached: nothing more is begun here. */
  #halted = false;

  constructor(tools: BatchTools) {
    this.#tools = tools;
  }

  /** The first record that must come again. */
  get failedAt(): bigint | undefined {
    return this.#failedAt;
  }

  /** Resolves when every handler has ended; their results may still be on their way: {@link recorded}. */
  async run(entries: readonly Entry[]): Promise<void> {
    const { deadline, pace, concurrency } = this.#tools;
    for (let rest = entries; rest[0]; ) {
      // The first is tried whatever it takes, or one that takes longer than an invocation would never begin.
      const fits = rest === entries || pace.expected(rest[0].dispatch.type) < deadline.leftMs();
      if (this.#halted || !deadline.mayClaim() || !fits) {
        this.#fail(rest[0]);
        return;
      }
      const types = rest.map(({ dispatch }) => dispatch.type);
      const count = pace.claimable(types, { horizonMs: deadline.horizonMs(), lanes: concurrency });
      await this.#runChunk(rest.slice(0, count));
      rest = rest.slice(count);
    }
  }

  async recorded(): Promise<void> {
    await Promise.all(this.#recordings);
  }

  async #runChunk(entries: readonly Entry[]): Promise<void> {
    const claims = entries.map((entry) => ({ entry, claim: this.#tools.claimer.claim(entry) }));
    const lanes = this.#tools.concurrency === 1 ? [claims] : lanesByKey(claims);
    const next = lanes.values();
    await Promise.all(
      Array.from({ length: Math.min(this.#tools.concurrency, lanes.length) }, async () => {
        for (const lane of next)
          for (const { entry, claim } of lane) await this.#runEntry(entry, await claim);
      }),
    );
  }

  async #runEntry(entry: Entry, claim: Claim): Promise<void> {
    switch (claim.kind) {
      case 'claimed':
        return this.#runClaimed(entry, claim.lease);
      case 'duplicate':
        return this.#tools.logger.debug('a dispatch was one too many', {
          ...idsOf(entry),
          status: claim.status,
        });
      case 'not_found':
        return this.#notFound(entry);
      case 'unreachable':
        return this.#unreachable(entry, claim.error);
      default:
        return claim satisfies never;
    }
  }

  async #runClaimed(entry: Entry, lease: HeldLease): Promise<void> {
    // Without the API there is no telling anybody: the lease runs out, and the job is tried again.
    if (this.#halted) return this.#fail(entry);
    const { deadline, pace, now } = this.#tools;
    if (!deadline.mayStart()) {
      this.#record(entry, lease, NOT_STARTED);
      return;
    }
    const startedAt = now();
    const settlement = await this.#tools.run(lease, entry.dispatch.payload);
    pace.observe(entry.dispatch.type, now() - startedAt);
    this.#record(entry, lease, settlement);
  }

  /** Not waited for: the next handler starts while the result is on its way. */
  #record(entry: Entry, lease: HeldLease, settlement: Settlement): void {
    const { reporter, leases, logger } = this.#tools;
    const recording = async () => {
      try {
        const answer = await reporter.report(lease, settlement);
        if (answer?.outcome !== 'settled') {
          logger.warn('a result came too late', { ...idsOf(entry), status: lateStatus(answer) });
        }
      } catch (error) {
        this.#unreachable(entry, error);
      } finally {
        leases.release(lease);
      }
    };
    this.#recordings.push(recording());
  }

  async #notFound(entry: Entry): Promise<void> {
    const { api, deadline, now, logger } = this.#tools;
    if (now() - entry.timestamp < GONE_AFTER_MS) {
      logger.warn('a dispatched job is not visible yet; its record will come again', idsOf(entry));
      this.#fail(entry);
      return;
    }
    // Should the job appear after all, the sweep for lost dispatches sends it again.
    const reason = `no job ${entry.dispatch.jobId} exists: deleted, or lost with a restore of the database`;
    await api
      .recordUndecodable([toUndecodable(entry.record, reason)], deadline.end)
      .catch((error: unknown) => this.#unreachable(entry, error));
  }

  #unreachable(entry: Entry, error: unknown): void {
    if (!this.#halted) {
      this.#tools.logger.error('the API could not be reached; records will come again', {
        ...idsOf(entry),
        error,
      });
    }
    this.#halted = true;
    this.#fail(entry);
  }

  #fail({ offset }: Entry): void {
    if (this.#failedAt === undefined || offset < this.#failedAt) this.#failedAt = offset;
  }
}

type Claiming = { readonly entry: Entry; readonly claim: Promise<Claim> };

/** One lane a key, in the order in which the keys first appear. A record without a key is a lane by itself. */
function lanesByKey(claims: readonly Claiming[]): Claiming[][] {
  return [
    ...Map.groupBy(claims, ({ entry }) => entry.record.key?.toString('latin1') ?? entry.offset).values(),
  ];
}

function lateStatus(answer: { outcome: string; status?: string } | undefined): string {
  return answer?.status ?? answer?.outcome ?? 'lost';
}

function idsOf({ record, offset, dispatch }: Entry) {
  return {
    job_id: dispatch.jobId,
    instance_id: dispatch.instanceId,
    attempt: dispatch.attempt,
    type: dispatch.type,
    topic: record.topic,
    partition: record.partition,
    offset,
  };
}
