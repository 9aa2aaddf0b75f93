import type { EngineDeps } from '../deps.ts';
import type { PurgeAges, Purged, PurgeRange } from '../ports/record-store.ts';

/** How long to keep what has ended, in milliseconds; undefined is for ever. */
export interface Retention extends PurgeAges {
  /** Audit entries and undecodable records. */
  readonly trailMs?: number | undefined;
}

/** Few enough that a statement holds its locks for milliseconds, and that vacuum keeps up with what is left behind. */
const BATCH = 500;
/** Instances have many jobs each. */
const INSTANCE_BATCH = 50;
/** Between two batches that removed something: other work goes first. */
const REST_MS = 20;

/** Removes what has been kept for long enough, once through. @returns how many rows, those that went with an instance apart */
export async function sweepEnded(
  deps: EngineDeps,
  retention: Retention,
  signal: AbortSignal,
): Promise<number> {
  const { store } = deps;
  const { trailMs } = retention;
  const walk = (purge: RecordPurge, limit: number) => walkEnded(deps, { purge, limit, retention }, signal);
  const jobs = await walk((ages, range) => store.purgeJobs(ages, range), BATCH);
  const instances = await walk((ages, range) => store.purgeInstances(ages, range), INSTANCE_BATCH);
  let removed = jobs + instances;
  while (trailMs !== undefined && !signal.aborted) {
    const count = await store.purgeTrail(trailMs, BATCH);
    removed += count;
    if (count < BATCH) break;
    await deps.clock.sleep(REST_MS, signal);
  }
  return removed;
}

type RecordPurge = (ages: PurgeAges, range: PurgeRange) => Promise<Purged>;

interface Walk {
  readonly purge: RecordPurge;
  readonly limit: number;
  readonly retention: Retention;
}

async function walkEnded(
  { clock }: EngineDeps,
  { purge, limit, retention }: Walk,
  signal: AbortSignal,
): Promise<number> {
  if (retention.completedMs === undefined && retention.failedMs === undefined) return 0;
  let removed = 0;
  let after: string | undefined;
  while (!signal.aborted) {
    const purged = await purge(retention, { after, limit });
    removed += purged.removed;
    if (purged.next === undefined) break;
    after = purged.next;
    if (purged.removed > 0) await clock.sleep(REST_MS, signal);
  }
  return removed;
}
