import { fetchV12, listOffsetsV7 } from '@platformatic/kafka';
import type { ReadTail, TailRecord } from '../../engine/ports/event-streamer.ts';
import type { Topic } from '../../events/ids.ts';
import type { KafkaConfig } from './config.ts';
import { DirectCluster } from './direct-cluster.ts';

const LATEST = -1n;
const EARLIEST = -2n;
/** What all replicas have: the high watermark. */
const READ_UNCOMMITTED = 0;
const FETCH_BYTES = 8 * 1024 * 1024;
const PARTITION_BYTES = 1024 * 1024;
const FETCH_WAIT_MS = 100;

/** A part of a partition that is still to be read. */
interface Stretch {
  readonly topic: Topic;
  readonly partition: number;
  readonly leader: number;
  readonly end: bigint;
  next: bigint;
}

/** Reads with the fast client's connections, whichever client publishes. Needs the right to read the topics. */
export function createTailReader(config: KafkaConfig): ReadTail {
  return async (topics, options, each) => {
    const cluster = new DirectCluster(config, 'millrace-tail');
    try {
      const tails = await findTails(cluster, topics, options.perPartition);
      for (const stretches of newestFirst(tails)) {
        const byLeader = Map.groupBy(stretches, ({ leader }) => leader);
        await Promise.all([...byLeader.values()].map((own) => readAll(cluster, own, options.signal, each)));
      }
    } finally {
      await cluster.close();
    }
  };
}

async function findTails(
  cluster: DirectCluster,
  topics: readonly Topic[],
  perPartition: number,
): Promise<Stretch[]> {
  const found: Omit<Stretch, 'end' | 'next'>[] = [];
  for (const topic of topics) {
    const leaders = await cluster.leadersOf(topic);
    leaders.forEach((leader, partition) => {
      if (leader >= 0) found.push({ topic, partition, leader });
    });
  }
  const byLeader = [...Map.groupBy(found, ({ leader }) => leader)];
  const tails = await Promise.all(
    byLeader.map(async ([leader, places]) => {
      const ends = await offsetsAt(cluster, { leader, places, moment: LATEST });
      const starts = await offsetsAt(cluster, { leader, places, moment: EARLIEST });
      return places.map((place): Stretch => {
        const end = ends.get(nameOf(place)) ?? 0n;
        const start = starts.get(nameOf(place)) ?? end;
        const wanted = end - BigInt(perPartition);
        return { ...place, end, next: wanted > start ? wanted : start };
      });
    }),
  );
  return tails.flat();
}

const NEWEST_SHARE = 4n;

/** A log is read forwards. When the time does not suffice, it should be the oldest records that are missing. */
function newestFirst(tails: readonly Stretch[]): Stretch[][] {
  const newest = tails.map((tail) => ({ ...tail, next: tail.end - (tail.end - tail.next) / NEWEST_SHARE }));
  const older = tails.map((tail, index) => ({ ...tail, end: newest[index]?.next ?? tail.end }));
  return [newest, older];
}

type Place = Pick<Stretch, 'topic' | 'partition'>;

function nameOf({ topic, partition }: Place): string {
  return `${topic}-${partition}`;
}

async function offsetsAt(
  cluster: DirectCluster,
  request: { readonly leader: number; readonly places: readonly Place[]; readonly moment: bigint },
): Promise<Map<string, bigint>> {
  const topics = [...Map.groupBy(request.places, ({ topic }) => topic)].map(([name, places]) => ({
    name,
    partitions: places.map(({ partition }) => ({
      partitionIndex: partition,
      currentLeaderEpoch: -1,
      timestamp: request.moment,
    })),
  }));
  const connection = await cluster.connectionTo(request.leader);
  const answer = await listOffsetsV7.api.async(connection, -1, READ_UNCOMMITTED, topics);
  return new Map(
    answer.topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, offset }) => [`${name}-${partitionIndex}`, offset] as const),
    ),
  );
}

/** Several fetches one after the other, each of all that is still to be read from this broker. */
async function readAll(
  cluster: DirectCluster,
  stretches: readonly Stretch[],
  signal: AbortSignal,
  each: (record: TailRecord) => void,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const open = stretches.filter(({ next, end }) => next < end);
    const [first] = open;
    if (!first) return;
    const connection = await cluster.connectionTo(first.leader);
    const answer = await fetchV12.api.async(
      connection,
      FETCH_WAIT_MS,
      1,
      FETCH_BYTES,
      READ_UNCOMMITTED,
      0,
      -1,
      [...Map.groupBy(open, ({ topic }) => topic)].map(requestOf),
      [],
      '',
    );
    for (const { topicId: topic, partitions } of answer.responses) {
      for (const one of partitions) {
        const stretch = open.find((at) => at.topic === topic && at.partition === one.partitionIndex);
        if (stretch) handOver(stretch, one.records ?? [], each);
      }
    }
  }
}

/** Version 12 still goes by names. */
function requestOf([topic, open]: [Topic, readonly Stretch[]]) {
  return {
    topicId: topic,
    partitions: open.map(({ partition, next }) => ({
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: next,
      lastFetchedEpoch: -1,
      partitionMaxBytes: PARTITION_BYTES,
    })),
  };
}

type Batches = NonNullable<fetchV12.FetchResponse['responses'][number]['partitions'][number]['records']>;

function handOver(stretch: Stretch, batches: Batches, each: (record: TailRecord) => void): void {
  for (const { firstOffset, lastOffsetDelta, records } of batches) {
    for (const { offsetDelta, headers } of records) {
      // Batches come whole, with what lies before and behind the stretch.
      const offset = firstOffset + BigInt(offsetDelta);
      if (offset < stretch.next || offset >= stretch.end) continue;
      each({
        topic: stretch.topic,
        headers: headers.flatMap(([name, value]) => (name && value ? { name: name.toString(), value } : [])),
      });
    }
    const after = firstOffset + BigInt(lastOffsetDelta) + 1n;
    if (after > stretch.next) stretch.next = after;
  }
}
