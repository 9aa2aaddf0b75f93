const HOUR_MS = 3_600_000;
const MOST_RETENTION_HOURS = 8_760;

/** What Kinesis keeps records for unless told otherwise. */
export const LEAST_RETENTION_HOURS = 24;

/** In whole hours, as near as Kinesis has it to what a stream is to keep. */
export function retentionHours(maxAgeMs: number): number {
  const wanted = Math.ceil(maxAgeMs / HOUR_MS);
  return Math.min(MOST_RETENTION_HOURS, Math.max(LEAST_RETENTION_HOURS, wanted));
}
