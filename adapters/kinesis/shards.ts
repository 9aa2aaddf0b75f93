import {
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
  type ListShardsCommandOutput,
  type Shard,
} from '@aws-sdk/client-kinesis';
import { recordNumberOf } from './record.ts';

/** All that are there, those that were split or merged too. `stream` is as Kinesis calls it. */
export async function listShards(client: KinesisClient, stream: string): Promise<Shard[]> {
  const shards: Shard[] = [];
  let token: string | undefined;
  do {
    const page: ListShardsCommandOutput = await client.send(
      new ListShardsCommand(token === undefined ? { StreamName: stream } : { NextToken: token }),
    );
    shards.push(...(page.Shards ?? []));
    token = page.NextToken;
  } while (token !== undefined);
  return shards;
}

export interface ShardPlace {
  readonly stream: string;
  readonly shard: string;
  /** From the shard's beginning where there is none. */
  readonly place: bigint | undefined;
}

/** At the record of the place, not behind it: the place may be within a record of several messages. */
export async function shardIterator(
  client: KinesisClient,
  { stream, shard, place }: ShardPlace,
): Promise<string | undefined> {
  const from =
    place === undefined
      ? ({ ShardIteratorType: 'TRIM_HORIZON' } as const)
      : ({
          ShardIteratorType: 'AT_SEQUENCE_NUMBER',
          StartingSequenceNumber: recordNumberOf(place),
        } as const);
  const { ShardIterator } = await client.send(
    new GetShardIteratorCommand({ StreamName: stream, ShardId: shard, ...from }),
  );
  return ShardIterator;
}
