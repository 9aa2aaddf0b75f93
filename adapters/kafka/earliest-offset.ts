import { listOffsetsV7 } from '@platformatic/kafka';
import type { Topic } from '../../events/ids.ts';
import type { DirectCluster } from './direct-cluster.ts';

const EARLIEST = -2n;
const READ_UNCOMMITTED = 0;

/** Where a partition begins: retention has deleted what was before. */
export async function earliestOffset(
  cluster: DirectCluster,
  {
    topic,
    partition,
    leader,
  }: { readonly topic: Topic; readonly partition: number; readonly leader: number },
): Promise<bigint> {
  const connection = await cluster.connectionTo(leader);
  const answer = await listOffsetsV7.api.async(connection, -1, READ_UNCOMMITTED, [
    { name: topic, partitions: [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp: EARLIEST }] },
  ]);
  return answer.topics[0]?.partitions[0]?.offset ?? 0n;
}
