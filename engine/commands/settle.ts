import type { ClaimToken, JobId } from '../../events/ids.ts';
import type { AuditEntry, CommitUnit } from '../commit.ts';
import type { EngineDeps } from '../deps.ts';
import { MillraceError } from '../errors.ts';
import type { JobStatus } from '../job.ts';
import type { LoadedJob } from '../ports/record-store.ts';

/** What became of the result of one attempt. */
export type SettleOutcome =
  /** `repeated`: it was told before, and this changed nothing. */
  | { readonly kind: 'settled'; readonly status: JobStatus; readonly repeated?: true }
  /** The token is not the current attempt's, or the job has moved on: recorded, not applied. */
  | { readonly kind: 'refused'; readonly status: JobStatus }
  | { readonly kind: 'not_found' };

/** The result of one attempt, with the proof that it may be recorded. */
export interface AttemptResult {
  readonly id: JobId;
  readonly token: ClaimToken;
}

export interface SettleRules<T extends AttemptResult> {
  /** What the result of a running attempt leads to. */
  readonly decide: (loaded: LoadedJob, result: T) => CommitUnit;
  /** Whether a job that is no longer running stands where this very result has put it: then telling it again is fine. */
  readonly isRepeat: (status: JobStatus) => boolean;
}

/** Each round loses to a concurrent change of the same instance; that many in a row is a fault, not contention. */
export const MAX_ROUNDS = 10;

/** Load, guard, decide, commit; again for those whose job or instance changed in between. */
export async function settle<T extends AttemptResult>(
  deps: EngineDeps,
  results: readonly T[],
  rules: SettleRules<T>,
): Promise<SettleOutcome[]> {
  const settled: SettleOutcome[] = results.map(() => ({ kind: 'not_found' }));
  let open = [...results.entries()];
  for (let round = 1; open.length > 0; round += 1) {
    if (round > MAX_ROUNDS) throw contention();
    open = await settleRound(deps, { open, settled, rules });
  }
  return settled;
}

interface Round<T extends AttemptResult> {
  readonly open: readonly [number, T][];
  readonly settled: SettleOutcome[];
  readonly rules: SettleRules<T>;
}

/** @returns those that lost to a concurrent change */
async function settleRound<T extends AttemptResult>(
  deps: EngineDeps,
  round: Round<T>,
): Promise<[number, T][]> {
  const { open, settled, rules } = round;
  const loaded = new Map(
    (await deps.store.load(open.map(([, { id }]) => id))).map((entry) => [entry.job.id, entry]),
  );
  const decided = new Map<JobId, { unit: CommitUnit; entry: [number, T] }>();
  for (const [index, result] of open) {
    const found = loaded.get(result.id);
    if (found?.job.status === 'running' && found.job.token === result.token) {
      decided.set(result.id, { unit: rules.decide(found, result), entry: [index, result] });
    } else {
      settled[index] = afterTheFact(found, result, rules);
    }
  }
  const units = [...decided.values()];
  const outcomes = await deps.store.commit({ units: units.map(({ unit }) => unit) });
  return units.flatMap(({ unit, entry }, index) => {
    if (outcomes[index] === 'conflict') return [entry];
    settled[entry[0]] = { kind: 'settled', status: unit.job.status };
    return [];
  });
}

function afterTheFact<T extends AttemptResult>(
  found: LoadedJob | undefined,
  result: T,
  rules: SettleRules<T>,
): SettleOutcome {
  if (!found) return { kind: 'not_found' };
  const { status, token } = found.job;
  return token === result.token && rules.isRepeat(status)
    ? { kind: 'settled', status, repeated: true }
    : { kind: 'refused', status };
}

/** A late result changes nothing, and leaves a trace of having come. */
export async function recordRefused(
  deps: EngineDeps,
  results: readonly AttemptResult[],
  outcomes: readonly SettleOutcome[],
): Promise<void> {
  const entries = results.flatMap(({ id }, index): AuditEntry[] => {
    const outcome = outcomes[index];
    if (outcome?.kind !== 'refused') return [];
    return [
      { action: 'LATE_RESULT_REFUSED', actor: 'engine', jobId: id, detail: { status: outcome.status } },
    ];
  });
  if (entries.length > 0) await deps.store.audit(entries);
}

export function contention(): MillraceError {
  return new MillraceError(
    'unavailable',
    'The workflow instance changes too fast for this request to be decided. Nothing was written; try again.',
    { retryable: true },
  );
}
