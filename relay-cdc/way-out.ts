import { clearPublished } from './clear-published.ts';
import type { Lead } from './lead.ts';
import type { LoggedBacklog } from './logged-backlog.ts';
import { PublishLane } from './publish-lane.ts';
import type { PublishedRow } from './published.ts';
import { type PublishedTail, SkippingPublisher } from './published-tail.ts';
import { refuseJobs } from './refusals.ts';
import { mayPublish } from './term-rules.ts';
import { atMost } from './waiting.ts';
import type { WalSession } from './wal-session.ts';
import { WriteBack } from './write-back.ts';

const PUBLISHER_CLOSE_DEADLINE_MS = 5_000;
/** For what is published and not cleared, when the leadership ends. */
const CLEAR_DEADLINE_MS = { inOrder: 10_000, failed: 2_000 };

/** Publisher and write-back, and the lane between them. They are closed in the opposite order: first nothing new comes. */
export async function openWayOut(
  { deps, leadership, over, cleanup }: Lead,
  { tail, logged }: { tail: PublishedTail; logged: LoggedBacklog },
) {
  const { config, engine, logger, metrics, pool } = deps;
  const { term, identity } = leadership;
  const clearer = { term, serverStart: identity.serverStart };
  const { clear = (rows: readonly PublishedRow[]) => clearPublished(pool, rows, clearer) } = deps;
  let session: WalSession | undefined;
  const publisher = await deps.streamer.publisher({ clientId: `millrace-relay-${term}` });
  cleanup.defer(async () => {
    const closing = publisher.close().catch((error: unknown) => {
      logger.warn('the publisher did not close in order', { error });
    });
    await atMost(closing, PUBLISHER_CLOSE_DEADLINE_MS, engine.clock);
  });
  const writeBack = new WriteBack({
    clear: (rows) => clear(rows, term),
    maxMessages: config.limits.unclearedMessages,
    clock: engine.clock,
    logger,
    metrics,
  });
  // Told to stop while the database vanishes, it must not try for as long as a hand-over may take.
  cleanup.defer(() => writeBack.close(CLEAR_DEADLINE_MS[over.signal.aborted ? 'failed' : 'inOrder']));
  const skipping = new SkippingPublisher(publisher, tail, metrics);
  const lane = new PublishLane({
    // Message by message by the tail, and as whole packs as soon as the log is beyond it.
    publisherOf: (rows) => (tail.mayHold(rows) ? skipping : publisher),
    term,
    timeoutMs: config.publishTimeoutMs,
    metrics,
    logger,
    mayPublish: () => mayPublish(over.signal.aborted ? 'over' : 'leading', session?.isCurrent() ?? true),
    onPublished: async (rows, refused) => {
      await refuseJobs(engine, refused);
      logged.published(rows);
      await writeBack.add(rows);
    },
  });
  const follow = (one: WalSession): void => {
    session = one;
  };
  return { writeBack, lane, follow };
}
