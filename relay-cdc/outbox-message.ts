import type { Topic } from '../events/ids.ts';
import { MAX_PACK_MESSAGES } from '../events/pack.ts';
import type { Shard } from './shards.ts';
import type { OutboxRow } from './wal-session.ts';

/** Of the logical messages that are the outbox's; migration 0030 writes them. */
export const OUTBOX_PREFIX = 'millrace.outbox';

const TRANSACTIONAL = 1;
const NO_DISPATCH_ID = Buffer.alloc(16);
/** Up to the topic: id, shard key, dispatch id, message count, length of the topic. */
const HEAD_BYTES = 8 + 2 + 16 + 4 + 2;
/** Where no pack can be read: the lane finds that this is none, and tells of it. */
const BROKEN = Buffer.of(0);

/**
 * An outbox row that is in the log alone, from the body of a Message (PostgreSQL's documentation, "Logical Replication Message
 * Formats"), behind its tag. Publications do not filter messages, so every shard is sent all of them and takes its own.
 * @returns undefined for what is another shard's, or not of the outbox
 */
export function readOutboxMessage(body: Buffer, shard: Shard): OutboxRow | undefined {
  const prefixEnd = body.indexOf(0, 9);
  if (prefixEnd < 0 || body[0] !== TRANSACTIONAL) return undefined;
  if (body.toString('latin1', 9, prefixEnd) !== OUTBOX_PREFIX) return undefined;
  return readContent(body.subarray(prefixEnd + 5), shard);
}

/** As {@link readOutboxMessage}, of the content. */
export function readContent(content: Buffer, { index, of }: Shard): OutboxRow | undefined {
  if (content.length < HEAD_BYTES) return broken(0n);
  const id = content.readBigInt64BE(0);
  if (Math.abs(content.readInt16BE(8)) % of !== index) return undefined;
  const packAt = HEAD_BYTES + content.readInt16BE(30);
  const messageCount = content.readInt32BE(26);
  const isWhole = packAt >= HEAD_BYTES && packAt <= content.length;
  if (!isWhole || messageCount < 1 || messageCount > MAX_PACK_MESSAGES) return broken(id);
  const dispatchId = content.subarray(10, 26);
  return {
    id,
    topic: content.toString('utf8', HEAD_BYTES, packAt) as Topic,
    messageCount,
    messages: content.subarray(packAt),
    // Copied: it is kept for longer than the memory that holds its neighbours.
    hint: { dispatchId: dispatchId.equals(NO_DISPATCH_ID) ? undefined : Buffer.from(dispatchId) },
  };
}

/** Any role may write such a message. What this one was for is a queued job, if anything, and the sweep finds it. */
function broken(id: bigint): OutboxRow {
  return { id, topic: '' as Topic, messageCount: 1, messages: BROKEN, hint: { dispatchId: undefined } };
}
