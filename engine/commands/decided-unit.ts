import type { InstanceId } from '../../events/ids.ts';
import type { AuditEntry, EndedJobs } from '../commit.ts';
import type { EngineDeps } from '../deps.ts';
import { defined } from '../new-job.ts';
import { type Decision, decide } from '../workflow/decide.ts';
import { definitionOf } from '../workflow/definitions.ts';
import type { WorkflowEvent } from '../workflow/events.ts';
import { type InstanceRecord, toInstance } from '../workflow/instance-record.ts';
import type { Instance } from '../workflow/state.ts';
import { type EndedWorkflow, isOver } from '../workflow-ends.ts';
import { jobsOf, startedBy } from './begin-instance.ts';
import type { InstanceUnit, Occasion } from './instance-unit.ts';
import { instanceWrites, statusAudit } from './instance-writes.ts';

/** What an event makes of an instance, as a unit without a job: whoever has one adds it. */
export async function decidedUnit(
  deps: EngineDeps,
  record: InstanceRecord,
  { event, ...occasion }: Occasion & { readonly event: WorkflowEvent },
): Promise<InstanceUnit> {
  const definition = await definitionOf(deps.store, record);
  const decision = decide(definition, toInstance(record), event, record.loadedAt);
  if (decision.kind !== 'changed') return decision;
  const { id, parent, foreignId, currentStep, status: from } = record;
  const writes = instanceWrites({ id, definition, parent, position: currentStep }, decision);
  const { variables, ...rest } = writes;
  const traceparent = occasion.traceparent ?? record.traceparent ?? undefined;
  const { actor, reason } = occasion;
  const start = await startedBy(deps, decision.effects, {
    id,
    definition: record.definition,
    foreignId: foreignId ?? undefined,
    traceparent,
  });
  const detail = reason === undefined ? {} : { detail: { reason } };
  return {
    kind: 'changed',
    unit: {
      instance: {
        ...rest,
        id,
        expectedVersion: record.version,
        closeTasks: activationsOf(decision, 'closeTask'),
        ...defined({
          variables: variables === record.variables ? undefined : variables,
          endJobs: endedJobs(decision, { actor, reason }),
          ended: endOf(record, decision.instance),
        }),
      },
      start,
      enqueue: jobsOf(deps, decision.effects, { instanceId: id, traceparent }),
      audit: [
        ...statusAudit({ actor, instanceId: id, ...detail }, { from, to: decision.instance.status }),
        ...chainBroken(decision, { id, started: start.length }),
      ],
    },
  };
}

function endOf(
  record: InstanceRecord,
  { status, failureReason: reason }: Instance,
): EndedWorkflow | undefined {
  if (!isOver(status) || status === record.status) return undefined;
  const { id, name, traceparent, createdAt } = record;
  return { id, name, status, reason, traceparent, createdAt };
}

/** The next of a chain was asked for, and is not there. */
function chainBroken(
  { effects }: Changed,
  { id, started }: { readonly id: InstanceId; readonly started: number },
): AuditEntry[] {
  if (started > 0) return [];
  return effects.flatMap((effect): AuditEntry[] => {
    if (effect.kind !== 'start') return [];
    const detail = { missing_definition: effect.workflowId };
    return [{ action: 'WORKFLOW_NOT_CHAINED', actor: 'engine', instanceId: id, detail }];
  });
}

type Changed = Extract<Decision, { kind: 'changed' }>;

function endedJobs(decision: Changed, by: Omit<EndedJobs, 'activations'>): EndedJobs | undefined {
  const activations = activationsOf(decision, 'cancelJob');
  return activations.length === 0 ? undefined : { activations, ...by };
}

function activationsOf({ effects }: Changed, kind: 'closeTask' | 'cancelJob'): number[] {
  return effects.flatMap((effect) => (effect.kind === kind ? [effect.activation] : []));
}
