import { type Connection, produceV9, ResponseError, Writer } from '@platformatic/kafka';
import type { Topic } from '../../events/ids.ts';

/** A batch for one partition, as it goes over the wire; repeated byte for byte when it must be. */
export interface PartitionBatch {
  readonly topic: Topic;
  readonly partition: number;
  readonly bytes: Buffer;
}

export interface PartitionResult {
  readonly errorCode: number;
  readonly baseOffset: bigint;
}

const ACKS_OF_ALL_REPLICAS = -1;
/** How long the broker waits for its replicas. */
const REPLICATION_TIMEOUT_MS = 20_000;
/** Version 9: what Kafka 2.8 and MSK Serverless speak, and everything newer. */
const PRODUCE = { key: 0, version: 9 } as const;

/** Sends batches that one broker leads, and resolves with what it says of each, in their order. */
export async function produce(
  connection: Connection,
  batches: readonly PartitionBatch[],
): Promise<PartitionResult[]> {
  const response = await send(connection, batches);
  const results = new Map<string, PartitionResult>();
  for (const { name, partitionResponses } of response.responses) {
    for (const { index, errorCode, baseOffset } of partitionResponses) {
      results.set(`${name}-${index}`, { errorCode, baseOffset });
    }
  }
  return batches.map(({ topic, partition }) => {
    const result = results.get(`${topic}-${partition}`);
    if (!result) throw new Error(`the broker said nothing of ${topic}-${partition}`);
    return result;
  });
}

function send(
  connection: Connection,
  batches: readonly PartitionBatch[],
): Promise<produceV9.ProduceResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<produceV9.ProduceResponse>();
  connection.send<produceV9.ProduceResponse>(
    PRODUCE.key,
    PRODUCE.version,
    () => request(batches),
    produceV9.parseResponse,
    true,
    true,
    (error, response) => {
      const answered = response ?? responseOf(error);
      if (answered) resolve(answered);
      else reject(error ?? new Error('the broker answered nothing'));
    },
  );
  return promise;
}

function request(batches: readonly PartitionBatch[]): Writer {
  const topics = [...Map.groupBy(batches, ({ topic }) => topic)];
  return Writer.create()
    .appendString(null)
    .appendInt16(ACKS_OF_ALL_REPLICAS)
    .appendInt32(REPLICATION_TIMEOUT_MS)
    .appendArray(topics, (writer, [topic, partitions]) => {
      writer.appendString(topic).appendArray(partitions, (one, { partition, bytes }) => {
        one
          .appendInt32(partition)
          .appendUnsignedVarInt(bytes.length + 1)
          .append(bytes);
      });
    })
    .appendTaggedFields();
}

/** The library rejects as soon as one partition failed; what became of the others stands in the response it kept. */
function responseOf(error: Error | null): produceV9.ProduceResponse | undefined {
  if (!(error instanceof ResponseError) || !('response' in error)) return undefined;
  return error.response as produceV9.ProduceResponse;
}
