import { setTimeout as delay } from 'node:timers/promises';
import { MillraceError } from '../../engine/errors.ts';
import type { Topic } from '../../events/ids.ts';
import type { DirectCluster } from './direct-cluster.ts';
import { isUntrusted } from './errors.ts';
import { OffsetGuard } from './offset-guard.ts';
import { type PartitionBatch, type PartitionResult, produce } from './produce.ts';

/** For how long a batch is repeated before the publisher gives up; the caller then replays through a new one. */
const GIVE_UP_MS = 60_000;
const PAUSE = { firstMs: 50, maxMs: 2_000 } as const;
/** A topic just created is unknown to some brokers for a moment. */
const UNKNOWN_TOPIC_MS = 2_000;

/** What a produce request can be answered with, by what there is to do (Kafka's protocol guide, error codes). */
const STORED_BEFORE = 46;
const TOO_LARGE = new Set([10, 18]);
const UNKNOWN_TOPIC = 3;
const PASSING = new Set([5, 6, 7, 8, 9, 13, 19, 20, 56, 72, 74, 75, 89, 100]);
const ERROR_NAMES: Readonly<Record<number, string>> = {
  2: 'CORRUPT_MESSAGE',
  29: 'TOPIC_AUTHORIZATION_FAILED',
  31: 'CLUSTER_AUTHORIZATION_FAILED',
  45: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
  47: 'INVALID_PRODUCER_EPOCH',
  59: 'UNKNOWN_PRODUCER_ID',
  87: 'INVALID_RECORD',
};

export type Outcome = 'stored' | 'too_large';

/** Takes batches, at most one a partition, to whoever leads it, again and again until the broker has each or refuses it. */
export class Delivery {
  readonly #cluster: DirectCluster;
  readonly #offsets = new OffsetGuard();

  constructor(cluster: DirectCluster) {
    this.#cluster = cluster;
  }

  /** A topic that was created this very moment may not be known to the first broker that is asked. */
  async leadersOf(topic: Topic): Promise<readonly number[]> {
    const deadline = performance.now() + UNKNOWN_TOPIC_MS;
    for (;;) {
      try {
        return await this.#cluster.leadersOf(topic);
      } catch (error) {
        const missing = error instanceof MillraceError && error.code === 'topic_missing';
        if (!missing || performance.now() > deadline) throw error;
        await this.#pause(PAUSE.firstMs * 4);
      }
    }
  }

  /** @returns what became of each batch, in their order */
  async deliver(batches: readonly PartitionBatch[]): Promise<Outcome[]> {
    const outcomes = new Map<PartitionBatch, Outcome>();
    const deadline = performance.now() + GIVE_UP_MS;
    for (
      let pause: number = PAUSE.firstMs;
      outcomes.size < batches.length;
      pause = Math.min(pause * 2, PAUSE.maxMs)
    ) {
      const open = batches.filter((batch) => !outcomes.has(batch));
      const failure = await this.#attempt(open, outcomes);
      if (failure === undefined) continue;
      if (performance.now() + pause > deadline) throw failure;
      await this.#pause(pause);
      for (const topic of new Set(open.map((batch) => batch.topic))) {
        // Who leads may have changed; when nobody can be asked the next attempt says so.
        await this.#cluster.refresh(topic).catch(rethrowMissing);
      }
    }
    return batches.map((batch) => outcomes.get(batch) ?? 'stored');
  }

  /** @throws why the cluster was closed, at once: a publisher that is closed must not go on trying */
  async #pause(milliseconds: number): Promise<void> {
    const { closed } = this.#cluster;
    await delay(milliseconds, undefined, { signal: closed }).catch(() => closed.throwIfAborted());
  }

  /** Sends every batch to its leader once. @returns why some must be sent again; throws what repeating cannot mend */
  async #attempt(open: readonly PartitionBatch[], outcomes: Map<PartitionBatch, Outcome>): Promise<unknown> {
    const leaders = await Promise.all(open.map(({ topic }) => this.leadersOf(topic)));
    const byLeader = Map.groupBy(
      open.entries(),
      ([index, { partition }]) => leaders[index]?.[partition] ?? -1,
    );
    let again: unknown;
    await Promise.all(
      [...byLeader].map(async ([leader, entries]) => {
        const batches = entries.map(([, batch]) => batch);
        const results = await this.#sendTo(leader, batches).catch((error: unknown) => {
          if (isUntrusted(error)) throw error;
          again ??= error;
          return [];
        });
        for (const [index, result] of results.entries()) {
          const batch = batches[index];
          if (!batch) continue;
          const outcome = this.#read(batch, result);
          if (outcome === 'again') again ??= protocolError(result.errorCode);
          else outcomes.set(batch, outcome);
        }
      }),
    );
    return again;
  }

  async #sendTo(leader: number, batches: readonly PartitionBatch[]): Promise<PartitionResult[]> {
    return produce(await this.#cluster.connectionTo(leader), batches);
  }

  #read({ topic, partition }: PartitionBatch, { errorCode, baseOffset }: PartitionResult): Outcome | 'again' {
    if (errorCode === STORED_BEFORE) return 'stored';
    if (TOO_LARGE.has(errorCode)) return 'too_large';
    if (PASSING.has(errorCode) || errorCode === UNKNOWN_TOPIC) return 'again';
    if (errorCode !== 0) throw protocolError(errorCode);
    this.#offsets.check(topic, partition, baseOffset);
    return 'stored';
  }
}

function rethrowMissing(error: unknown): void {
  if (error instanceof MillraceError && error.code === 'topic_missing') throw error;
}

/** In the form in which the translation of errors looks for a protocol error. */
function protocolError(code: number): Error {
  const name =
    ERROR_NAMES[code] ?? (code === UNKNOWN_TOPIC ? 'UNKNOWN_TOPIC_OR_PARTITION' : `error code ${code}`);
  return Object.assign(new Error(`the broker answered ${name}`), { type: name });
}
