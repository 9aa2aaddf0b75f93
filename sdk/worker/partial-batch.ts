import type { BatchOutcome } from '../../engine/ports/event-streamer.ts';
import type { Topic } from '../../events/ids.ts';

/**
 * What a function with ReportBatchItemFailures answers: where each partition must resume. Records before that are
 * committed, that record and those after it come again. Lambda takes an identifier it does not know as the whole batch.
 */
export interface KafkaBatchResponse {
  readonly batchItemFailures: readonly KafkaBatchItemFailure[];
}

export interface KafkaBatchItemFailure {
  readonly itemIdentifier: { readonly partition: `${string}-${number}`; readonly offset: number };
}

/** The first failed record of each partition of a topic, as Lambda wants to be told. */
export function toBatchItemFailures(topic: Topic, { failed }: BatchOutcome): KafkaBatchItemFailure[] {
  const first = new Map<number, bigint>();
  for (const { partition, offset } of failed) {
    const known = first.get(partition);
    if (known === undefined || offset < known) first.set(partition, offset);
  }
  return [...first].map(([partition, offset]) => ({
    itemIdentifier: { partition: `${topic}-${partition}`, offset: Number(offset) },
  }));
}
