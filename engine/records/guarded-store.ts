import { MillraceError } from '../errors.ts';
import {
  type NewRecord,
  type RunState,
  runStates,
  type StoreOutcome,
} from '../ports/workflow-record-store.ts';

/** What a store with guards in its statements asks of them. */
export interface GuardedStatements {
  /** The record and its event, or neither. False when a guard refused. */
  write(record: NewRecord): Promise<boolean>;
  /** 0 when there is none. */
  versionOf(runId: string): Promise<number>;
  /** Another one, open, of the same workflow and foreign id. */
  openRunBeside(record: NewRecord): Promise<string | undefined>;
}

/** What stands in the way may be gone when it is looked for; but not for ever. */
const TRIES = 50;

/** Writes, and says what stood in the way when a guard refused. */
export async function storeOrSayWhy(statements: GuardedStatements, record: NewRecord): Promise<StoreOutcome> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    if (await statements.write(record)) return { kind: 'stored', version: record.version + 1 };
    const version = await statements.versionOf(record.runId);
    if (version !== record.version) return { kind: 'conflict', version };
    const runId = await statements.openRunBeside(record);
    if (runId !== undefined) return { kind: 'in_progress', runId };
  }
  throw new MillraceError(
    'unavailable',
    `The record of run ${record.runId} was changed by others ${TRIES} times in a row. Nothing was written. Try again.`,
    { retryable: true },
  );
}

/** @throws MillraceError `migration_mismatch` for a state of a later version */
export function readRunState(text: string): RunState {
  const state = runStates.find((known) => known === text);
  if (state) return state;
  throw new MillraceError(
    'migration_mismatch',
    `The database has a record in state ${text}, which this version of Millrace does not know. Upgrade Millrace.`,
  );
}
