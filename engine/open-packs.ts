import { header } from '../events/headers.ts';
import { decodePack, type PackedHeader } from '../events/pack.ts';
import type { OutgoingPack, OutgoingRecord } from './ports/event-streamer.ts';

/** The messages of packs as records, for a publisher that takes no packs. Bytes are not copied. */
export function openPacks(packs: readonly OutgoingPack[]): OutgoingRecord[] {
  return packs.flatMap(({ topic, messages, messageCount, headers: shared, firstIndex }) =>
    decodePack(messages, messageCount).map(({ key, value, headers }, place) => ({
      topic,
      key,
      value,
      headers: [...headers, ...shared, ...numberOf(firstIndex, place)],
    })),
  );
}

function numberOf(firstIndex: number | undefined, place: number): PackedHeader[] {
  if (firstIndex === undefined) return [];
  return [{ name: header.commitIndex, value: Buffer.from(String(firstIndex + place)) }];
}
