import type { Topic } from '../../events/ids.ts';

export interface WantedTopic {
  readonly topic: Topic;
  readonly partitions: number;
  readonly replicationFactor: number;
}

export interface TopicPlan {
  readonly topic: Topic;
  /** `grow` is never done by itself: another number of partitions sends a key to another one, and its order breaks. */
  readonly action: 'create' | 'ok' | 'grow';
  /** As it is, or as it will be made. */
  readonly partitions: number;
}

/** @param existing the number of partitions of each topic that is there */
export function toPlan(wanted: readonly WantedTopic[], existing: ReadonlyMap<string, number>): TopicPlan[] {
  return wanted.map(({ topic, partitions }): TopicPlan => {
    const count = existing.get(topic);
    if (count === undefined) return { topic, action: 'create', partitions };
    return { topic, action: count < partitions ? 'grow' : 'ok', partitions: count };
  });
}
