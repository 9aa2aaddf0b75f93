import { instanceUnit } from '../commands/instance-unit.ts';
import { messageEvent } from '../commands/messages.ts';
import type { CommitUnit } from '../commit.ts';
import type { EngineDeps } from '../deps.ts';
import type { DueInstance } from '../ports/record-store.ts';
import { toInstance } from '../workflow/instance-record.ts';
import { nextDue } from '../workflow/state.ts';

/** Moves on the instances whose timers have run out or that others have told something. @returns how many */
export async function advanceDueInstances(deps: EngineDeps, limit: number): Promise<number> {
  const due = await deps.store.dueInstances(limit);
  const faults: unknown[] = [];
  const units: CommitUnit[] = [];
  for (const entry of due) {
    try {
      units.push(await dueUnit(deps, entry));
    } catch (error) {
      // One that cannot be decided about must not hold up the others.
      faults.push(error);
    }
  }
  await deps.store.commit({ units });
  if (faults.length > 0) throw new AggregateError(faults, 'Some workflow instances could not be moved on.');
  return due.length;
}

async function dueUnit(deps: EngineDeps, { instance, message }: DueInstance): Promise<CommitUnit> {
  const event = message ? messageEvent(message.text) : ({ kind: 'timePassed' } as const);
  const decided = await instanceUnit(deps, instance, { actor: 'timer', event });
  const taken = message ? { message: message.id } : {};
  if (decided.kind === 'changed') {
    return { ...decided.unit, instance: { ...decided.unit.instance, ...taken } };
  }
  // It came to nothing, and must not come again.
  const { id, version, status, state, currentStep, failureReason } = instance;
  const dueAt = nextDue(toInstance(instance));
  return {
    instance: {
      ...{ id, expectedVersion: version, status, state, currentStep, failureReason, history: [], ...taken },
      ...(dueAt === undefined ? {} : { dueAt: new Date(dueAt) }),
    },
    enqueue: [],
    audit: [],
  };
}
