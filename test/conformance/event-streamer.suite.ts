import { describe, it } from 'vitest';
import type { EventStreamer } from '../../engine/ports/event-streamer.ts';
import type { Topic } from '../../events/ids.ts';
import { inPacks } from './event-streamer.in-packs.ts';
import {
  failureClause,
  orderClause,
  refusalClause,
  storedClause,
  unknownTopicClause,
} from './event-streamer.publisher.clauses.ts';
import { abortClause, partitionClause, redeliveryClause } from './event-streamer.receiver.clauses.ts';

/** A broker to be tested. All else is seen through the port itself, so that any implementation can be held to it. */
export interface StreamerUnderTest {
  readonly streamer: EventStreamer;
  /** Makes a topic of several partitions. */
  createTopic(topic: Topic): unknown;
  /** A value that no topic takes; one of a quarter of its bytes is taken. */
  readonly tooLarge: Buffer;
  /** How long to wait for what must happen, in milliseconds; 30 s when absent. */
  readonly patienceMs?: number;
}

/** One clause of the port's contract, as named checks, each of which rejects when it is broken. */
export interface Clause {
  readonly number: number;
  readonly title: string;
  readonly checks: Readonly<Record<string, (subject: StreamerUnderTest) => Promise<void>>>;
}

const publisherClauses: readonly Clause[] = [
  storedClause,
  orderClause,
  refusalClause,
  failureClause,
  unknownTopicClause,
];

/** In the order of the port's comment. */
export const eventStreamerClauses: readonly Clause[] = [
  ...publisherClauses,
  redeliveryClause,
  partitionClause,
  abortClause,
];

/** Runs every clause against an implementation. */
export function testEventStreamer(name: string, open: () => Promise<StreamerUnderTest>): void {
  describe(`${name} as an EventStreamer`, () => testClauses(eventStreamerClauses, open));
  describe(`${name} as a Publisher of packs`, () => {
    testClauses(publisherClauses, async () => {
      const subject = await open();
      return { ...subject, streamer: inPacks(subject.streamer) };
    });
  });
}

function testClauses(clauses: readonly Clause[], open: () => Promise<StreamerUnderTest>): void {
  for (const { number, title, checks } of clauses) {
    describe(`${number}. ${title}`, () => {
      for (const [sentence, check] of Object.entries(checks)) {
        it(sentence, async () => {
          await check(await open());
        });
      }
    });
  }
}

/** The numbers of the clauses that an implementation breaks. */
export async function brokenClauses(open: () => Promise<StreamerUnderTest>): Promise<number[]> {
  const results = await Promise.all(
    eventStreamerClauses.flatMap(({ number, checks }) =>
      Object.values(checks).map(async (check) => {
        return check(await open()).then(
          () => [],
          () => [number],
        );
      }),
    ),
  );
  return [...new Set(results.flat())].sort((a, b) => a - b);
}
