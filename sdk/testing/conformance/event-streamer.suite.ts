import type { EventStreamer } from '../../../engine/ports/event-streamer.ts';
import type { Topic } from '../../../events/ids.ts';
import { inPacks } from './event-streamer.in-packs.ts';
import {
  failureClause,
  orderClause,
  refusalClause,
  storedClause,
  unknownTopicClause,
} from './event-streamer.publisher.clauses.ts';
import { abortClause, partitionClause, redeliveryClause } from './event-streamer.receiver.clauses.ts';
import { type Clause, runClauses, type SuiteOptions, type UnderTest } from './suite.ts';

/** A broker to be tested. All else is seen through the port itself, so that any implementation can be held to it. */
export interface StreamerUnderTest extends UnderTest {
  readonly streamer: EventStreamer;
  /** Makes a topic of several partitions. */
  createTopic(topic: Topic): unknown;
  /** A value that no topic takes; one of a quarter of its bytes is taken. */
  readonly tooLarge: Buffer;
}

export type StreamerClause = Clause<StreamerUnderTest>;

const publisherClauses: readonly StreamerClause[] = [
  storedClause,
  orderClause,
  refusalClause,
  failureClause,
  unknownTopicClause,
];

/** In the order of the port's comment. */
export const eventStreamerClauses: readonly StreamerClause[] = [
  ...publisherClauses,
  redeliveryClause,
  partitionClause,
  abortClause,
];

/** Holds an EventStreamer to its contract, its publisher also in the form that takes packs. */
export function eventStreamerSuite(name: string, options: SuiteOptions<StreamerUnderTest>): void {
  runClauses(`${name} as an EventStreamer`, eventStreamerClauses, options);
  runClauses(`${name} as a Publisher of packs`, publisherClauses, {
    ...options,
    open: async () => {
      const subject = await options.open();
      return { ...subject, streamer: inPacks(subject.streamer) };
    },
  });
}
