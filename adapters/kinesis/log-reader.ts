import { GetRecordsCommand, type KinesisClient } from '@aws-sdk/client-kinesis';
import type { Clock } from '../../engine/ports/clock.ts';
import type { LogChunk, LogReader } from '../../engine/ports/message-log.ts';
import { isNamed, translate } from './errors.ts';
import { decodeRecord } from './record.ts';
import { listShards, shardIterator } from './shards.ts';

export interface KinesisReaderOptions {
  readonly client: KinesisClient;
  readonly clock: Clock;
  readonly readEveryMs: number;
  readonly readRecords: number;
  /** As Kinesis calls it. */
  readonly stream: string;
  readonly behind: ReadonlyMap<string, bigint>;
}

interface OpenShard {
  readonly id: string;
  /** Undefined until it has been asked for, and again when it has grown too old. */
  iterator: string | undefined;
}

/**
 * Reads the shards of a stream. When shards are split or merged, those that came of it are read only after their parents have
 * been read to the end, because what a key has in both stands in the parent first. A parent that is no longer there has
 * nothing left.
 */
export class KinesisLogReader implements LogReader {
  readonly #options: KinesisReaderOptions;
  /** The last message handed on, by shard. */
  readonly #places: Map<string, bigint>;
  readonly #finished = new Set<string>();
  #open: OpenShard[] | undefined;

  constructor(options: KinesisReaderOptions) {
    this.#options = options;
    this.#places = new Map(options.behind);
  }

  async next(signal: AbortSignal): Promise<readonly LogChunk[]> {
    const { clock, readEveryMs, stream } = this.#options;
    try {
      // What was handed on before has been taken when this is called again: a child may begin now.
      this.#open ??= await this.#readable();
      const chunks = (await Promise.all(this.#open.map((shard) => this.#read(shard)))).flat();
      // Paced whether or not there was something: the limit counts reads, not records.
      await clock.sleep(readEveryMs, signal);
      return chunks;
    } catch (error) {
      if (isNamed(error, 'ProvisionedThroughputExceededException', 'LimitExceededException')) {
        await clock.sleep(readEveryMs * 4, signal);
        return [];
      }
      throw translate(error, `reading ${stream}`);
    }
  }

  async close(): Promise<void> {
    this.#open = [];
  }

  async #readable(): Promise<OpenShard[]> {
    const shards = await listShards(this.#options.client, this.#options.stream);
    const known = new Set(shards.map(({ ShardId }) => ShardId));
    const isRead = (id: string | undefined): boolean =>
      id === undefined || !known.has(id) || this.#finished.has(id);
    return shards.flatMap(({ ShardId: id, ParentShardId, AdjacentParentShardId }) =>
      id !== undefined && !this.#finished.has(id) && isRead(ParentShardId) && isRead(AdjacentParentShardId)
        ? [{ id, iterator: undefined }]
        : [],
    );
  }

  async #read(shard: OpenShard): Promise<LogChunk[]> {
    const { client, readRecords, stream } = this.#options;
    try {
      const place = this.#places.get(shard.id);
      shard.iterator ??= await shardIterator(client, { stream, shard: shard.id, place });
      const answer = await client.send(
        new GetRecordsCommand({ ShardIterator: shard.iterator, Limit: readRecords }),
      );
      const behind = place ?? -1n;
      const messages = (answer.Records ?? [])
        .flatMap(({ SequenceNumber = '0', Data = new Uint8Array() }) => decodeRecord(SequenceNumber, Data))
        .filter(({ place }) => place > behind);
      const last = messages.at(-1);
      if (last) this.#places.set(shard.id, last.place);
      shard.iterator = answer.NextShardIterator ?? undefined;
      if (shard.iterator === undefined) this.#finish(shard);
      return messages.length === 0 ? [] : [{ part: shard.id, messages }];
    } catch (error) {
      if (!isNamed(error, 'ExpiredIteratorException')) throw error;
      shard.iterator = undefined;
      return [];
    }
  }

  #finish({ id }: OpenShard): void {
    this.#finished.add(id);
    this.#open = undefined;
  }
}
