import { MillraceError } from '../errors.ts';
import type { NewRecord } from '../ports/workflow-record-store.ts';

/** In bytes of UTF-8: each name fits into an index of every store (InnoDB takes 3,072 bytes), and that of a workflow into a subject. */
export const recordLimits = { workflowName: 200, foreignId: 512, runId: 64, reason: 4_096 } as const;

/** @throws MillraceError `invalid_request` for what a store would cut off, refuse in words of its own, or not find again */
export function requireStorable(record: NewRecord): void {
  for (const [field, limit] of Object.entries(recordLimits)) {
    const text = record[field as keyof typeof recordLimits] ?? '';
    const bytes = Buffer.byteLength(text);
    if (bytes > limit) throw invalid(`${field} has ${bytes} bytes, and may have ${limit}.`);
    if (text.includes('\0')) throw invalid(`${field} holds a zero byte, which PostgreSQL cannot store.`);
    if (bytes === 0 && field !== 'reason') throw invalid(`${field} is empty. Give the record one.`);
  }
  if (!Number.isInteger(record.status) || Math.abs(record.status) >= 2 ** 31)
    throw invalid(`status is ${record.status}, and must be a whole number of 32 bits.`);
  if (!Number.isSafeInteger(record.version) || record.version < 0)
    throw invalid(`version is ${record.version}. Give the one that was read, or 0 for a new run.`);
}

function invalid(message: string): MillraceError {
  return new MillraceError('invalid_request', message);
}
