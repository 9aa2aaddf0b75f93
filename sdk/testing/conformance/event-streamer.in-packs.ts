import { openPacks } from '../../../engine/open-packs.ts';
import type {
  EventStreamer,
  OutgoingPack,
  OutgoingRecord,
  Publisher,
} from '../../../engine/ports/event-streamer.ts';
import type { JobId } from '../../../events/ids.ts';
import { encodePack } from '../../../events/pack.ts';

const JOB = '00112233-4455-6677-8899-aabbccddeeff' as JobId;
/** So that packs of one, of a few and of many take turns. */
const SIZES = [1, 2, 7, 100];

/** The same broker, handed every record in a pack: the second form of the publisher, held to the clauses of the first. */
export function inPacks(streamer: EventStreamer): EventStreamer {
  return {
    receiver: (options) => streamer.receiver(options),
    publisher: async (options) => {
      const publisher = await streamer.publisher(options);
      return {
        publish: async (records) => publishPacks(publisher, packsOf(records)),
        close: () => publisher.close(),
      };
    },
  };
}

/** As the relay does it (relay-cdc/publish-lane.ts). */
function publishPacks(publisher: Publisher, packs: readonly OutgoingPack[]) {
  return publisher.publishPacks?.(packs) ?? publisher.publish(openPacks(packs));
}

function packsOf(records: readonly OutgoingRecord[]): OutgoingPack[] {
  const packs: OutgoingPack[] = [];
  for (let from = 0; from < records.length; ) {
    const topic = records[from]?.topic ?? records[0]?.topic;
    const most = records.slice(from, from + (SIZES[packs.length % SIZES.length] ?? 1));
    const other = most.findIndex((record) => record.topic !== topic);
    const own = other === -1 ? most : most.slice(0, other);
    const messages = encodePack(own.map(({ key, value, headers }) => ({ jobId: JOB, key, value, headers })));
    if (topic) packs.push({ topic, messages, messageCount: own.length, headers: [], firstIndex: undefined });
    from += own.length;
  }
  return packs;
}
