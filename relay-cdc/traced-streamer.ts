import type { EventStreamer, OutgoingRecord, Publisher } from '../engine/ports/event-streamer.ts';
import type { Tracing } from '../engine/ports/tracing.ts';
import { header } from '../events/headers.ts';

/** Of the messages of a batch, so many are linked: enough to get from a job to its batch, at a cost that does not grow. */
const LINKS = 32;

/** A span for each call to the broker. A span for each message would cost more than the message. */
export function tracedStreamer(
  streamer: Pick<EventStreamer, 'publisher'>,
  tracing: Pick<Tracing, 'publish'>,
): Pick<EventStreamer, 'publisher'> {
  return {
    publisher: async (options) => {
      const publisher = await streamer.publisher(options);
      return {
        publish: (records) => publishWithin(tracing, publisher, records),
        close: () => publisher.close(),
      };
    },
  };
}

async function publishWithin(
  tracing: Pick<Tracing, 'publish'>,
  publisher: Publisher,
  records: readonly OutgoingRecord[],
) {
  const span = tracing.publish({
    messages: records.length,
    topics: [...new Set(records.map(({ topic }) => topic))],
    term: valueOfHeader(records[0], header.epoch) ?? '',
    links: records.slice(0, LINKS).flatMap((record) => valueOfHeader(record, header.traceparent) ?? []),
  });
  try {
    const receipt = await publisher.publish(records);
    span.end({ 'millrace.refused': receipt.refused.length });
    return receipt;
  } catch (error) {
    span.end({}, error);
    throw error;
  }
}

function valueOfHeader(record: OutgoingRecord | undefined, name: string): string | undefined {
  return record?.headers.find((one) => one.name === name)?.value.toString();
}
