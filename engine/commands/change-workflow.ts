import type { InstanceId } from '../../events/ids.ts';
import type { EngineDeps } from '../deps.ts';
import { inTurn } from '../turns.ts';
import type { Refusal, WorkflowEvent } from '../workflow/events.ts';
import type { InstanceStatus } from '../workflow/state.ts';
import { instanceUnit, type Occasion } from './instance-unit.ts';
import { contention, MAX_ROUNDS } from './settle.ts';

export type ChangeOutcome =
  | { readonly kind: 'changed' }
  | { readonly kind: 'not_found' }
  | (Refusal & { readonly status: InstanceStatus });

/** Something that happens to an instance from outside: a signal, a user task's end, a cancel, a pause, a manual retry. */
export async function changeWorkflow(
  deps: EngineDeps,
  id: InstanceId,
  occasion: Occasion & { readonly event: WorkflowEvent },
): Promise<ChangeOutcome> {
  for (let round = 1; round <= MAX_ROUNDS; round += 1) {
    const tried = await inTurn(deps.store, id, () => tryToChange(deps, id, occasion));
    if (tried) return tried;
  }
  throw contention();
}

/** @returns undefined when it lost to another change */
async function tryToChange(
  deps: EngineDeps,
  id: InstanceId,
  occasion: Occasion & { readonly event: WorkflowEvent },
): Promise<ChangeOutcome | undefined> {
  const record = await deps.store.loadInstance(id);
  if (!record) return { kind: 'not_found' };
  const decided = await instanceUnit(deps, record, occasion);
  if (decided.kind === 'ignored') return { kind: 'changed' };
  if (decided.kind === 'refused') return { ...decided, status: record.status };
  const [outcome] = await deps.store.commit({ units: [decided.unit] });
  return outcome === 'applied' ? { kind: 'changed' } : undefined;
}
