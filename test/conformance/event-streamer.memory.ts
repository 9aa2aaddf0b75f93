import { createMemoryStreamer, type MemoryStreamer } from '../../adapters/memory/event-streamer.ts';
import type { StreamerUnderTest } from '../../sdk/testing/conformance/event-streamer.suite.ts';

export async function openMemoryStreamer(): Promise<
  StreamerUnderTest & { readonly streamer: MemoryStreamer }
> {
  const streamer = createMemoryStreamer({ partitions: 3, maxRecordBytes: 10_000 });
  return {
    streamer,
    createTopic: (topic) => streamer.createTopic(topic),
    tooLarge: Buffer.alloc(20_000),
    within: 1_500,
  };
}
