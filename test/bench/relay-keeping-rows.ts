import { runRelay } from '../../relay-cdc/main.ts';

/**
 * The relay without its write-back: published rows stay in the outbox. It shows what reading and publishing alone cost, and
 * is of no other use, since the next term would publish the rows again.
 */
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
process.once('disconnect', () => stop.abort());
await runRelay(process.env, {
  signal: stop.signal,
  clear: () => Promise.resolve([]),
  onStarted: (addresses) => process.send?.({ ready: addresses }),
});
process.exit(0);
