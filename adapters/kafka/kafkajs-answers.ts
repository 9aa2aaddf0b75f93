import type { Message, PartitionerArgs, RecordMetadata } from 'kafkajs';
import { MillraceError } from '../../engine/errors.ts';
import { keyPartitioner } from './partitioner.ts';

/**
 * Holds what one send asked of a kafkajs producer against what was answered. kafkajs repeats a send by itself, and keeps one
 * answer a broker over its tries (`producer/sendMessages.js`): a partition that moves meanwhile to a broker that has answered
 * for its others is never asked for, and the send resolves. So is one that the new metadata do not name.
 */
export class SendAnswers {
  readonly #choose = keyPartitioner();
  #partitions = new Map<Message, number>();
  #asked = new Set<string>();

  /** Before each send. */
  begin(): void {
    this.#partitions = new Map();
    this.#asked = new Set();
  }

  /** Keeps a record's partition over the tries: with another number of partitions it could slip between two answers. */
  partition(args: PartitionerArgs): number {
    const known = this.#partitions.get(args.message);
    if (known !== undefined) return known;
    const partition = this.#choose(args);
    this.#partitions.set(args.message, partition);
    this.#asked.add(nameOf(args.topic, partition));
    return partition;
  }

  /** @throws MillraceError `publish_failed` where a partition that was given records has no answer */
  check(answers: readonly RecordMetadata[]): void {
    for (const { topicName, partition } of answers) this.#asked.delete(nameOf(topicName, partition));
    if (this.#asked.size === 0) return;
    throw new MillraceError(
      'publish_failed',
      `kafkajs called a send stored in which nobody answered for ${[...this.#asked].join(', ')}: leaders changed under it. ` +
        'The relay replays it.',
      { retryable: true },
    );
  }
}

function nameOf(topic: string, partition: number): string {
  return `${topic}-${partition}`;
}
