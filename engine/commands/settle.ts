import type { ClaimToken, InstanceId, JobId } from '../../events/ids.ts';
import type { AuditEntry, CommitUnit, JobChange } from '../commit.ts';
import type { EngineDeps } from '../deps.ts';
import { MillraceError } from '../errors.ts';
import type { JobStatus } from '../job.ts';
import type { LoadedJob } from '../ports/record-store.ts';
import { inTurn } from '../turns.ts';

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
  readonly decide: (loaded: LoadedJob, result: T) => Promise<JobUnit>;
  /** Whether a job that is no longer running stands where this very result has put it: then telling it again is fine. */
  readonly isRepeat: (status: JobStatus) => boolean;
  /** What was read already, for the first try. */
  readonly loaded?: readonly LoadedJob[];
}

/** The move of a job, with what else it leads to. */
export type JobUnit = CommitUnit & { readonly job: JobChange };

/** Each round loses to a concurrent change of the same instance; that many in a row is a fault, not contention. */
export const MAX_ROUNDS = 10;

/** Load, guard, decide, commit; again for those whose job or instance changed in between. */
export async function settle<T extends AttemptResult>(
  deps: EngineDeps,
  results: readonly T[],
  rules: SettleRules<T>,
): Promise<SettleOutcome[]> {
  const settled: SettleOutcome[] = results.map(() => ({ kind: 'not_found' }));
  let open: Open<T>[] = results.map((result, index) => ({ index, result }));
  let first = rules.loaded;
  for (let lost = 0; open.length > 0; ) {
    const round = { open, settled, rules, loaded: first };
    first = undefined;
    const contested = open[0]?.instanceId;
    const left = await (contested
      ? inTurn(deps.store, contested, () => settleRound(deps, round))
      : settleRound(deps, round));
    lost = left.length < open.length ? 0 : lost + 1;
    if (lost === MAX_ROUNDS) throw contention();
    open = left;
  }
  return settled;
}

interface Open<T extends AttemptResult> {
  readonly index: number;
  readonly result: T;
  /** The instance that another result was written for at the same time. */
  readonly instanceId?: InstanceId;
}

interface Round<T extends AttemptResult> {
  readonly open: readonly Open<T>[];
  readonly settled: SettleOutcome[];
  readonly rules: SettleRules<T>;
  readonly loaded: readonly LoadedJob[] | undefined;
}

/** @returns those that lost to a concurrent change, or to another result for the same instance */
async function settleRound<T extends AttemptResult>(deps: EngineDeps, round: Round<T>): Promise<Open<T>[]> {
  const { open, settled, rules } = round;
  const found = round.loaded ?? (await deps.store.load(open.map(({ result }) => result.id)));
  const loaded = new Map(found.map((entry) => [entry.job.id, entry]));
  const decided = new Map<JobId, { unit: JobUnit; entry: Open<T> }>();
  const deferred: Open<T>[] = [];
  const instances = new Set<InstanceId>();
  for (const entry of open) {
    const { index, result } = entry;
    const entered = loaded.get(result.id);
    if (entered?.job.status === 'running' && entered.job.token === result.token) {
      const { instanceId } = entered.job;
      // The second decision about one instance needs what the first has made of it.
      if (instanceId !== null && instances.has(instanceId)) {
        deferred.push({ index, result, instanceId });
        continue;
      }
      const lostTo = instanceId === null ? {} : { instanceId };
      decided.set(result.id, {
        unit: await rules.decide(entered, result),
        entry: { index, result, ...lostTo },
      });
      if (instanceId !== null) instances.add(instanceId);
    } else {
      settled[index] = afterTheFact(entered, result, rules);
    }
  }
  const units = [...decided.values()];
  const outcomes = await deps.store.commit({ units: units.map(({ unit }) => unit) });
  const lost = units.flatMap(({ unit, entry }, index) => {
    if (outcomes[index] === 'conflict') return [entry];
    settled[entry.index] = { kind: 'settled', status: unit.job.status };
    return [];
  });
  return [...lost, ...deferred];
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
  results: readonly Pick<AttemptResult, 'id'>[],
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
