import type { PublishReceipt } from '../engine/ports/event-streamer.ts';
import type { JobId, Topic } from '../events/ids.ts';
import { jobIdAt, PackCursor } from '../events/pack.ts';
import type { Arrival, Outgoing } from './outgoing.ts';
import type { Hint } from './wal-session.ts';

/** Bytes of a job's id. */
export const JOB_ID_BYTES = 16;

/** What became of a row that was published. */
export interface PublishedRow {
  readonly id: bigint;
  readonly topic: Topic;
  /** Jobs whose messages the broker has: how many, */
  readonly jobs: number;
  /** and their ids, 16 bytes each, one after another from `firstId`, in memory that holds those of other rows too. */
  readonly ids: Buffer;
  readonly firstId: number;
  /** Whether the broker has every message of the row. */
  readonly whole: boolean;
  /** Of a row that came from the log; one object for the rows of a transaction that were published together. */
  readonly hops?: Hops | undefined;
  /** Of a row that is in the log alone. */
  readonly hint?: Hint | undefined;
}

/** How rows came here, and when the broker had answered. */
export interface Hops {
  readonly arrival: Arrival;
  readonly ackedAt: number;
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
  ackedAt: number,
): { readonly published: PublishedRow[]; readonly refusedJobs: RefusedJob[] } {
  const reasons =
    refused.length > 0 ? new Map(refused.map(({ index, reason }) => [index, reason])) : undefined;
  const ids = Buffer.allocUnsafe(messages * JOB_ID_BYTES);
  const refusedJobs: RefusedJob[] = [];
  const cursor = new PackCursor(ids);
  let end = 0;
  let index = 0;
  let hops: Hops | undefined;
  const published = rows.map(({ row, arrival }): PublishedRow => {
    const { id, topic, messages: pack, messageCount, hint } = row;
    const firstId = end;
    cursor.moveTo(pack, 0);
    for (; cursor.next(); index += 1) {
      const reason = reasons?.get(index);
      if (reason === undefined) end = copyId(pack, cursor.start, { ids, end });
      else refusedJobs.push({ jobId: jobIdAt(pack, cursor.start), topic, reason });
    }
    const jobs = (end - firstId) / JOB_ID_BYTES;
    if (arrival !== hops?.arrival) hops = arrival && { arrival, ackedAt };
    return { id, topic, jobs, ids, firstId, whole: jobs === messageCount, hops, hint };
  });
  return { published, refusedJobs };
}

function copyId(pack: Buffer, from: number, { ids, end }: { ids: Buffer; end: number }): number {
  for (let place = 0; place < JOB_ID_BYTES; place += 1) ids[end + place] = pack[from + place] ?? 0;
  return end + JOB_ID_BYTES;
}
