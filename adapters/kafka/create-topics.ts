import { setTimeout as delay } from 'node:timers/promises';
import type { Admin, ITopicConfig } from 'kafkajs';

const KNOWN_WITHIN_MS = 15_000;
const PAUSE_MS = 100;

/** Creates topics that are not there, and resolves when the broker that is asked knows who leads them. */
export async function createTopics(admin: Admin, topics: readonly ITopicConfig[]): Promise<void> {
  try {
    await admin.createTopics({ waitForLeaders: true, topics: [...topics] });
  } catch (error) {
    // They are made, and the broker that was asked next had not heard of it yet: kafkajs takes that for a failure.
    if (!isUnknown(error)) throw error;
    await waitUntilKnown(
      admin,
      topics.map(({ topic }) => topic),
    );
  }
}

async function waitUntilKnown(admin: Admin, topics: string[]): Promise<void> {
  const deadline = performance.now() + KNOWN_WITHIN_MS;
  for (;;) {
    const error: unknown = await admin.fetchTopicMetadata({ topics }).then(() => undefined, identity);
    if (error === undefined) return;
    if (!isUnknown(error) || performance.now() > deadline) throw error;
    await delay(PAUSE_MS);
  }
}

function identity(error: unknown): unknown {
  return error;
}

function isUnknown(error: unknown): boolean {
  return error instanceof Error && 'type' in error && error.type === 'UNKNOWN_TOPIC_OR_PARTITION';
}
