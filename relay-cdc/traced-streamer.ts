import { openPacks } from '../engine/open-packs.ts';
import type {
  EventStreamer,
  OutgoingPack,
  OutgoingRecord,
  Publisher,
  PublishReceipt,
} from '../engine/ports/event-streamer.ts';
import type { PublishedBatch, Tracing } from '../engine/ports/tracing.ts';
import { header } from '../events/headers.ts';
import type { Topic } from '../events/ids.ts';
import { headerIn, PackCursor } from '../events/pack.ts';

/** Of the messages of a call, so many are looked at: enough to get from a job to its call, at a cost that does not grow. */
const LINKS = 32;

/**
 * A span for each call to the broker: what is in it shares its beginning and its end, and a span for each message would cost
 * more than the message. Packs stay packs.
 */
export function tracedStreamer(
  streamer: Pick<EventStreamer, 'publisher'>,
  tracing: Pick<Tracing, 'publish'>,
): Pick<EventStreamer, 'publisher'> {
  return { publisher: async (options) => traced(await streamer.publisher(options), tracing) };
}

function traced(publisher: Publisher, tracing: Pick<Tracing, 'publish'>): Publisher {
  return {
    publish: (records) => within(tracing, batchOf(records), () => publisher.publish(records)),
    publishPacks: (packs) =>
      within(
        tracing,
        batchOfPacks(packs),
        () => publisher.publishPacks?.(packs) ?? publisher.publish(openPacks(packs)),
      ),
    close: () => publisher.close(),
  };
}

async function within(
  tracing: Pick<Tracing, 'publish'>,
  batch: PublishedBatch,
  publish: () => Promise<PublishReceipt>,
): Promise<PublishReceipt> {
  const span = tracing.publish(batch);
  try {
    const receipt = await publish();
    span.end({ 'millrace.refused': receipt.refused.length });
    return receipt;
  } catch (error) {
    span.end({}, error);
    throw error;
  }
}

function batchOf(records: readonly OutgoingRecord[]): PublishedBatch {
  return {
    messages: records.length,
    packs: undefined,
    topics: topicsOf(records),
    term: headerOf(records[0], header.epoch) ?? '',
    links: records.slice(0, LINKS).flatMap((record) => headerOf(record, header.traceparent) ?? []),
  };
}

function batchOfPacks(packs: readonly OutgoingPack[]): PublishedBatch {
  // Some of every pack, that a large first one does not have them all.
  const ofEach = Math.max(1, Math.floor(LINKS / packs.length));
  return {
    messages: packs.reduce((count, { messageCount }) => count + messageCount, 0),
    packs: packs.length,
    topics: topicsOf(packs),
    term: headerOf(packs[0], header.epoch) ?? '',
    links: packs.slice(0, LINKS).flatMap(({ messages }) => contextsIn(messages, ofEach)),
  };
}

/** The contexts of the first so many messages. */
function contextsIn(messages: Buffer, count: number): string[] {
  const found: string[] = [];
  const cursor = new PackCursor(messages);
  for (let left = count; left > 0 && cursor.next(); left -= 1) {
    const context = headerIn(cursor, header.traceparent);
    if (context) found.push(context.toString());
  }
  return found;
}

function topicsOf(all: readonly { readonly topic: Topic }[]): Topic[] {
  return [...new Set(all.map(({ topic }) => topic))];
}

function headerOf(of: Pick<OutgoingRecord, 'headers'> | undefined, name: string): string | undefined {
  return of?.headers.find((one) => one.name === name)?.value.toString();
}
