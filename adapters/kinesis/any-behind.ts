import { GetRecordsCommand, type GetRecordsCommandOutput, type KinesisClient } from '@aws-sdk/client-kinesis';
import type { Clock } from '../../engine/ports/clock.ts';
import { isNamed } from './errors.ts';
import { decodeRecord } from './record.ts';
import { listShards, type ShardPlace, shardIterator } from './shards.ts';

export interface ShardReads {
  readonly client: KinesisClient;
  readonly clock: Clock;
  readonly readEveryMs: number;
}

/**
 * Whether a shard has a message behind its place, which only reading tells: Kinesis counts none. `stream` is as Kinesis calls it.
 */
export async function isAnyBehind(
  reads: ShardReads,
  stream: string,
  places: ReadonlyMap<string, bigint>,
): Promise<boolean> {
  for (const { ShardId: shard } of await listShards(reads.client, stream)) {
    if (shard !== undefined && (await hasMore(reads, { stream, shard, place: places.get(shard) })))
      return true;
  }
  return false;
}

async function hasMore(reads: ShardReads, at: ShardPlace): Promise<boolean> {
  const { client, clock, readEveryMs } = reads;
  let iterator = await shardIterator(client, at);
  while (iterator !== undefined) {
    const answer = await readAt(reads, iterator);
    const found = (answer.Records ?? []).flatMap(({ SequenceNumber = '0', Data = new Uint8Array() }) =>
      decodeRecord(SequenceNumber, Data),
    );
    if (found.some(({ place }) => place > (at.place ?? -1n))) return true;
    if (answer.MillisBehindLatest === 0) return false;
    // Kinesis answers with nothing also where more follows.
    iterator = answer.NextShardIterator ?? undefined;
    if (iterator !== undefined) await clock.sleep(readEveryMs);
  }
  return false;
}

/** The members read the same shards, and Kinesis allows five reads a second to all together. */
async function readAt(
  { client, clock, readEveryMs }: ShardReads,
  iterator: string,
): Promise<GetRecordsCommandOutput> {
  for (;;) {
    try {
      return await client.send(new GetRecordsCommand({ ShardIterator: iterator, Limit: 100 }));
    } catch (error) {
      if (!isNamed(error, 'ProvisionedThroughputExceededException', 'LimitExceededException')) throw error;
      await clock.sleep(readEveryMs * 4);
    }
  }
}
