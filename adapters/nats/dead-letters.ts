import { noSuchConsumer } from '../../engine/bus-rules.ts';
import type { ConsumerRef, DeadMessage, StoredMessage } from '../../engine/ports/event-bus.ts';
import type { Nats } from './connection.ts';
import { isMissing, isWrongLastSequence } from './errors.ts';
import { asciiJson, readMessage, toHeaders } from './message.ts';
import { DEAD_STREAM } from './own-streams.ts';

const DEATH = 'Millrace-Death';
const LONGEST_REASON = 2_000;

interface Death {
  readonly subject: string;
  readonly publishedAt: string;
  readonly deliveryCount: number;
  readonly reason: string;
}

/** Keeps the message itself, so that it outlives its stream's retention. Doing it twice is as doing it once. */
export async function bury(
  { client }: Nats,
  consumer: ConsumerRef,
  dead: { readonly message: StoredMessage; readonly deliveryCount: number; readonly reason: string },
): Promise<void> {
  const { message, deliveryCount, reason } = dead;
  const headers = toHeaders(message);
  const death: Death = {
    subject: message.subject,
    publishedAt: message.publishedAt.toISOString(),
    deliveryCount,
    reason: reason.slice(0, LONGEST_REASON),
  };
  headers.set(DEATH, asciiJson(death));
  await client.publish(subjectOf(consumer, message.sequence), message.payload, { headers });
}

export async function listDead(nats: Nats, consumer: ConsumerRef, limit: number): Promise<DeadMessage[]> {
  await checkConsumer(nats, consumer);
  const { state } = await nats.manager.streams.info(DEAD_STREAM, {
    subjects_filter: subjectOf(consumer, '*'),
  });
  const sequences = Object.keys(state.subjects ?? {}).map((subject) =>
    BigInt(subject.split('.').at(-1) ?? 0),
  );
  const oldest = sequences.sort((a, b) => (a < b ? -1 : 1)).slice(0, limit);
  const found = await Promise.all(oldest.map((sequence) => readDead(nats, consumer, sequence)));
  return found.flatMap((dead) => (dead ? [dead.message] : []));
}

/** @returns how many it has put at the end of their stream again, each for this consumer alone */
export async function redriveDead(
  nats: Nats,
  consumer: ConsumerRef,
  sequences: readonly bigint[],
): Promise<number> {
  await checkConsumer(nats, consumer);
  let count = 0;
  for (const sequence of new Set(sequences)) {
    const dead = await readDead(nats, consumer, sequence);
    if (!dead || !(await isTaken(nats, consumer, { sequence, place: dead.place }))) continue;
    const { message } = dead;
    const again = {
      consumer: consumer.name,
      sequence: String(sequence),
      publishedAt: message.publishedAt.toISOString(),
    };
    await nats.client.publish(message.subject, message.payload, {
      headers: toHeaders(message, again),
      msgID: `again ${consumer.stream} ${consumer.name} ${dead.place}`,
    });
    await nats.manager.streams.purge(DEAD_STREAM, { filter: subjectOf(consumer, sequence) });
    count += 1;
  }
  return count;
}

/**
 * Of two that redrive the same, one goes on: it writes the letter anew, expecting it where it was read. One that then dies
 * leaves the letter.
 */
async function isTaken(
  { client, manager }: Nats,
  consumer: ConsumerRef,
  letter: { readonly sequence: bigint; readonly place: number },
): Promise<boolean> {
  const stored = await manager.streams.getMessage(DEAD_STREAM, { seq: letter.place });
  if (!stored) return false;
  try {
    await client.publish(subjectOf(consumer, letter.sequence), stored.data, {
      headers: stored.header,
      expect: { lastSubjectSequence: letter.place },
      retries: 0,
    });
    return true;
  } catch (error) {
    if (isWrongLastSequence(error)) return false;
    throw error;
  }
}

async function readDead(
  { manager }: Nats,
  consumer: ConsumerRef,
  sequence: bigint,
): Promise<{ message: DeadMessage; place: number } | undefined> {
  try {
    const stored = await manager.streams.getMessage(DEAD_STREAM, {
      last_by_subj: subjectOf(consumer, sequence),
    });
    if (!stored) return undefined;
    const death: Death = JSON.parse(stored.header.get(DEATH));
    const { message } = readMessage({ subject: death.subject, headers: stored.header, data: stored.data });
    const { deliveryCount, reason } = death;
    const times = { publishedAt: new Date(death.publishedAt), deadAt: stored.time };
    return { message: { ...message, sequence, deliveryCount, reason, ...times }, place: stored.seq };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function checkConsumer({ manager }: Nats, consumer: ConsumerRef): Promise<void> {
  await manager.consumers.info(consumer.stream, consumer.name).catch((error: unknown) => {
    throw isMissing(error) ? noSuchConsumer(consumer) : error;
  });
}

function subjectOf({ stream, name }: ConsumerRef, sequence: bigint | '*'): string {
  return `${DEAD_STREAM}.${stream}.${name}.${sequence}`;
}
