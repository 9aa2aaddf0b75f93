import { MemoryRecordStore } from '../../adapters/memory/record-store.ts';
import { decodePack } from '../../events/pack.ts';
import type { StoreUnderTest } from './record-store.suite.ts';

export async function openMemoryStore(): Promise<StoreUnderTest & { readonly store: MemoryRecordStore }> {
  const store = new MemoryRecordStore({ now: () => new Date() });
  return {
    store,
    outbox: async () =>
      store.outbox.flatMap(({ topic, message }) =>
        decodePack(message, 1).map(({ jobId }) => ({ topic, jobId })),
      ),
    async [Symbol.asyncDispose]() {
      // Nothing outlives it.
    },
  };
}
