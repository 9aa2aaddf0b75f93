import type { PublishReceipt } from '../engine/ports/event-streamer.ts';
import type { JobId, Topic } from '../events/ids.ts';
import { jobIdAt, PackCursor } from '../events/pack.ts';
import type { Outgoing } from './outgoing.ts';

/** Bytes of a job's id. */
export const JOB_ID_BYTES = 16;

/** What became of a row that was published. */
export interface PublishedRow {
  readonly id: bigint;
  readonly topic: Topic;
  /** Jobs whose messages the broker has: their ids, 16 bytes each. */
  readonly jobIds: Buffer;
  /** Whether the broker has every message of the row. */
  readonly whole: boolean;
}

export interface RefusedJob {
  readonly jobId: JobId;
  readonly topic: Topic;
  readonly reason: string;
}

/**
 * Tells rows and refused jobs apart by what the broker said. The ids are copied out, so that waiting to be cleared does not
 * keep the memory of whole messages.
 */
export function readReceipt(
  { rows, messages }: Outgoing,
  { refused }: PublishReceipt,
): { readonly published: PublishedRow[]; readonly refusedJobs: RefusedJob[] } {
  const reasons =
    refused.length > 0 ? new Map(refused.map(({ index, reason }) => [index, reason])) : undefined;
  const ids = Buffer.allocUnsafe(messages * JOB_ID_BYTES);
  const refusedJobs: RefusedJob[] = [];
  const cursor = new PackCursor(ids);
  let end = 0;
  let index = 0;
  const published = rows.map(({ id, topic, messages: pack, messageCount }): PublishedRow => {
    const start = end;
    cursor.moveTo(pack, 0);
    for (; cursor.next(); index += 1) {
      const reason = reasons?.get(index);
      if (reason === undefined) end += pack.copy(ids, end, cursor.start, cursor.start + JOB_ID_BYTES);
      else refusedJobs.push({ jobId: jobIdAt(pack, cursor.start), topic, reason });
    }
    const jobIds = ids.subarray(start, end);
    return { id, topic, jobIds, whole: jobIds.length === messageCount * JOB_ID_BYTES };
  });
  return { published, refusedJobs };
}
