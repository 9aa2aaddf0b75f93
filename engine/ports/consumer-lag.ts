import type { StepId, Topic } from '../../events/ids.ts';

/** How far the workers of one step are behind. */
export interface ConsumerLag {
  readonly step: StepId;
  readonly topic: Topic;
  readonly group: string;
  /** Age of the oldest record that the group has not committed; 0 when it has committed all. */
  readonly seconds: number;
  /** Records that the group has not committed. */
  readonly messages: number;
  /** A group that never committed may be nobody's: then what lies in the topic waits for no one. */
  readonly hasCommitted: boolean;
}

export interface LagReader {
  /** Rejects with a MillraceError as the broker refuses. */
  read(step: StepId): Promise<ConsumerLag>;
  close(): Promise<void>;
}
