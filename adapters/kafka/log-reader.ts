import { setTimeout as delay } from 'node:timers/promises';
import { fetchV12, ResponseError } from '@platformatic/kafka';
import type { LogChunk, LogReader } from '../../engine/ports/message-log.ts';
import type { Topic } from '../../events/ids.ts';
import type { KafkaConfig } from './config.ts';
import { DirectCluster } from './direct-cluster.ts';
import { earliestOffset } from './earliest-offset.ts';
import { translate } from './errors.ts';
import { type Batches, readBatches } from './logged-record.ts';

export interface LogReaderOptions {
  readonly config: KafkaConfig;
  readonly topic: Topic;
  readonly behind: ReadonlyMap<string, bigint>;
}

const FETCH_BYTES = 4 * 1024 * 1024;
const PARTITION_BYTES = 1024 * 1024;
/** How long a broker may wait for news. An end of the subscription waits for it too. */
const FETCH_WAIT_MS = 200;
const READ_UNCOMMITTED = 0;
const OFFSET_OUT_OF_RANGE = 1;
const MOVED_MS = 200;

/** Reads all partitions of a topic from given places, without a group: the places are the ledger's. */
export class KafkaLogReader implements LogReader {
  readonly #options: LogReaderOptions;
  readonly #cluster: DirectCluster;
  readonly #next = new Map<number, bigint>();

  constructor(options: LogReaderOptions) {
    this.#options = options;
    this.#cluster = new DirectCluster(options.config, 'millrace-bus-reader');
    for (const [part, place] of options.behind) this.#next.set(Number(part), place + 1n);
  }

  async next(signal: AbortSignal): Promise<readonly LogChunk[]> {
    const { topic, config } = this.#options;
    try {
      const leaders = await this.#cluster.leadersOf(topic);
      const byLeader = Map.groupBy(leaders.keys(), (partition) => leaders[partition] ?? -1);
      const chunks = await Promise.all(
        [...byLeader].map(([leader, partitions]) => this.#fetch(leader, [...partitions], signal)),
      );
      return chunks.flat();
    } catch (error) {
      throw translate(error, { config, doing: `reading ${topic}`, otherwise: 'broker_unreachable' });
    }
  }

  async close(): Promise<void> {
    await this.#cluster.close();
  }

  async #fetch(leader: number, partitions: readonly number[], signal: AbortSignal): Promise<LogChunk[]> {
    const { topic } = this.#options;
    if (signal.aborted) return [];
    if (leader < 0) return this.#lookAgain(signal);
    for (const partition of partitions) {
      if (this.#next.has(partition)) continue;
      this.#next.set(partition, await earliestOffset(this.#cluster, { topic, partition, leader }));
    }
    const answer = await this.#ask(leader, partitions);
    if (!answer) return this.#lookAgain(signal);
    const found = answer.responses.flatMap((one) => one.partitions);
    const chunks: LogChunk[] = [];
    for (const { partitionIndex, errorCode, records } of found) {
      if (errorCode === OFFSET_OUT_OF_RANGE) this.#next.delete(partitionIndex);
      else if (errorCode !== 0) await this.#lookAgain(signal);
      else chunks.push(...this.#chunk(partitionIndex, records ?? []));
    }
    return chunks;
  }

  /** The library throws as soon as one partition has failed; what it says of the others stands in the answer it kept. */
  async #ask(leader: number, partitions: readonly number[]): Promise<fetchV12.FetchResponse | undefined> {
    try {
      const connection = await this.#cluster.connectionTo(leader);
      return await fetchV12.api.async(
        connection,
        FETCH_WAIT_MS,
        1,
        FETCH_BYTES,
        READ_UNCOMMITTED,
        0,
        -1,
        [
          {
            topicId: this.#options.topic,
            partitions: partitions.map((partition) => this.#request(partition)),
          },
        ],
        [],
        '',
      );
    } catch (error) {
      if (error instanceof ResponseError && 'response' in error) {
        return error.response as fetchV12.FetchResponse;
      }
      throw error;
    }
  }

  #request(partition: number) {
    return {
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: this.#next.get(partition) ?? 0n,
      lastFetchedEpoch: -1,
      partitionMaxBytes: PARTITION_BYTES,
    };
  }

  #chunk(partition: number, batches: Batches): LogChunk[] {
    const from = this.#next.get(partition) ?? 0n;
    const messages = readBatches(batches, partition, from);
    const last = batches.at(-1);
    const after = last ? last.firstOffset + BigInt(last.lastOffsetDelta) + 1n : from;
    if (after > from) this.#next.set(partition, after);
    return messages.length === 0 ? [] : [{ part: String(partition), messages }];
  }

  /** A partition may be between two leaders, or its topic be so new that not every broker knows it. */
  async #lookAgain(signal: AbortSignal): Promise<LogChunk[]> {
    await delay(MOVED_MS, undefined, { signal }).catch(() => undefined);
    await this.#cluster.refresh(this.#options.topic);
    return [];
  }
}
