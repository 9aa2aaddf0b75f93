import type { OpenRecordStore } from '../adapters/open-record-store.ts';

type Opened = Pick<OpenRecordStore, 'store' | 'close'>;

/** What `open` gives, opened when first asked for: a container that nobody asks reads and connects nothing for it. */
export function openedLate(open: () => Promise<Opened>) {
  let opened: Promise<Opened> | undefined;
  return {
    store: async () => {
      opened ??= open();
      return (await opened).store;
    },
    close: async () => (await opened)?.close(),
  };
}
