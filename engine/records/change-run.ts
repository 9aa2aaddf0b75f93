import { MillraceError } from '../errors.ts';
import type { NewRecord, RunState, WorkflowRecordStore } from '../ports/workflow-record-store.ts';
import { cut } from './record-workflow.ts';

/** What a person may do to a run, and the states from which. */
export const runChanges = {
  pause: { from: ['initiated', 'running'], to: 'paused' },
  resume: { from: ['paused'], to: 'running' },
  cancel: { from: ['initiated', 'running', 'paused'], to: 'cancelled' },
} as const satisfies Readonly<Record<string, { readonly from: readonly RunState[]; readonly to: RunState }>>;
export type RunChange = keyof typeof runChanges;

/** @throws MillraceError `not_found`, or `illegal_transition` where the run is in another state or is stored by others meanwhile */
export function changeRun(
  records: WorkflowRecordStore,
  runId: string,
  how: { readonly change: RunChange; readonly reason?: string | undefined },
): Promise<NewRecord> {
  const { from, to } = runChanges[how.change];
  const reason = how.reason === undefined ? undefined : cut(how.reason);
  return storeFrom(records, runId, { from, with: { runState: to, reason } });
}

/** Brings a run to another status, as what it waits for has come. Whether its workflow allows it is the caller's to know. */
export function moveRun(
  records: WorkflowRecordStore,
  runId: string,
  to: { readonly status: number; readonly object?: Buffer | undefined },
): Promise<NewRecord> {
  const { status, object } = to;
  return storeFrom(records, runId, {
    from: ['initiated', 'running'],
    with: { status, runState: 'running', ...(object && { object }) },
  });
}

interface Change {
  readonly from: readonly RunState[];
  readonly with: Partial<NewRecord>;
}

async function storeFrom(records: WorkflowRecordStore, runId: string, change: Change): Promise<NewRecord> {
  const record = await records.lookup(runId);
  if (!record)
    throw new MillraceError('not_found', `There is no run ${runId}. millrace records list shows them.`);
  if (!change.from.includes(record.runState))
    throw new MillraceError(
      'illegal_transition',
      `Run ${runId} is ${record.runState}, and this is done to one that is ${change.from.join(' or ')}.`,
    );
  const changed = { ...record, ...change.with };
  const outcome = await records.store(changed);
  if (outcome.kind === 'stored') return { ...changed, version: outcome.version };
  throw new MillraceError(
    'illegal_transition',
    `Run ${runId} was stored by others meanwhile. Look at it, and try again.`,
    {
      retryable: true,
    },
  );
}
