import type { CommitUnit } from '../../engine/commit.ts';
import type { JobRecord } from '../../engine/job.ts';
import type { LimitUsage } from '../../engine/limits.ts';
import { toJob } from './rows.ts';
import { applyUnits } from './sql/commit.ts';
import type { Database } from './sql/database.ts';
import {
  selectUsage,
  selectWaiting,
  tryLockAdmission,
  type UsageRow,
  type WaitingRow,
} from './sql/limits.ts';
import { inTransaction, type Source } from './transaction.ts';

type Decide = (waiting: readonly JobRecord[], usage: LimitUsage) => readonly CommitUnit[];

/** Counts and admits under one lock. The count is a statement of its own: only that sees what was committed before the lock. */
export function admitJobs(
  source: Source,
  { limit, shards }: { readonly limit: number; readonly shards: number },
  decide: Decide,
): Promise<number> {
  return inTransaction(source, async (db) => {
    if (!(await tryLockAdmission(db))) return { commit: false, value: 0 };
    const waiting = (await selectWaiting(db, limit)).map(toWaiting);
    if (waiting.length === 0) return { commit: false, value: 0 };
    const units = decide(inTurn(waiting), await usageOf(db, waiting));
    const applied = units.length === 0 ? 0 : (await applyUnits(db, units, shards)).size;
    return { commit: true, value: applied };
  });
}

/** Under the keys of its tenant: what two of them call the same are two limits. */
function toWaiting(row: WaitingRow): JobRecord {
  const job = toJob(row);
  const { concurrency, rate } = job.limits ?? {};
  return {
    ...job,
    limits: {
      concurrency: concurrency && { ...concurrency, key: row.concurrency_key ?? concurrency.key },
      rate: rate && { ...rate, key: row.rate_key ?? rate.key },
    },
  };
}

async function usageOf(db: Database, waiting: readonly JobRecord[]): Promise<LimitUsage> {
  const limits = waiting.flatMap((job) => job.limits ?? []);
  const rates = limits.flatMap(({ rate }) => rate ?? []);
  const rows = await selectUsage(db, {
    concurrency: [...new Set(limits.flatMap(({ concurrency }) => concurrency?.key ?? []))],
    rate: [...new Set(rates.map(({ key }) => key))],
    perSeconds: Math.max(0, ...rates.map(({ per_seconds }) => per_seconds)),
  });
  const counts = (kind: UsageRow['kind']) =>
    new Map(rows.filter((row) => row.kind === kind).map(({ key, count }) => [key, count ?? 0]));
  const starts = Map.groupBy(
    rows.filter(({ kind }) => kind === 'start'),
    ({ key }) => key,
  );
  return {
    // Earlier than every row says, so that no start is forgotten too soon.
    now: rows[0]?.now ?? new Date(0),
    open: counts('open'),
    notStarted: counts('not_started'),
    starts: new Map([...starts].map(([key, of]) => [key, of.flatMap(({ at }) => at ?? [])])),
  };
}

function inTurn(jobs: readonly JobRecord[]): JobRecord[] {
  return [...jobs].sort((a, b) => b.priority - a.priority || (a.id < b.id ? -1 : 1));
}
