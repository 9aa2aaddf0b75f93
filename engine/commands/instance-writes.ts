import type { InstanceId } from '../../events/ids.ts';
import type { AuditEntry, InstanceWrites, Message, OpenTask } from '../commit.ts';
import type { Decision } from '../workflow/decide.ts';
import type { Definition } from '../workflow/definition.ts';
import type { ParentRef } from '../workflow/instance-record.ts';
import { type Instance, type InstanceStatus, nextDue, position } from '../workflow/state.ts';
import { writeVariables } from '../workflow/variables.ts';
import { cancelledText, childEndedText } from './messages.ts';

interface Subject {
  readonly id: InstanceId;
  readonly definition: Definition;
  readonly parent?: ParentRef | null | undefined;
  /** Where it stood before, for when it stands nowhere any more. */
  readonly position: number;
}

type Changed = Extract<Decision, { kind: 'changed' }>;

/** What a decision writes of its instance. */
export function instanceWrites(
  subject: Subject,
  { instance, effects, history }: Changed,
): InstanceWrites & { readonly variables: string } {
  const due = nextDue(instance);
  const openTasks = effects.flatMap((effect): OpenTask[] => {
    if (effect.kind !== 'openTask') return [];
    const { activation, step, name } = effect;
    return [{ activation, step, name }];
  });
  return {
    status: instance.status,
    state: instance.state,
    variables: writeVariables(instance.variables),
    currentStep: position(subject.definition.steps.keys(), instance) ?? subject.position,
    failureReason: instance.failureReason,
    history,
    openTasks,
    tell: [...cancelledChildren(subject, effects), ...wordToParent(subject, instance)],
    ...(due === undefined ? {} : { dueAt: new Date(due) }),
  };
}

function cancelledChildren({ id }: Subject, effects: Changed['effects']): Message[] {
  return effects.flatMap((effect): Message[] => {
    if (effect.kind !== 'cancelChild') return [];
    const text = cancelledText('The workflow that waited for this one does not any more.');
    return [{ to: { childOf: { id, activation: effect.activation } }, text }];
  });
}

function wordToParent({ parent }: Subject, instance: Instance): Message[] {
  const { status } = instance;
  if (!parent || status === 'running' || status === 'paused') return [];
  return [{ to: { id: parent.id }, text: childEndedText(parent.activation, instance) }];
}

const ACTIONS = {
  completed: 'WORKFLOW_COMPLETED',
  failed: 'WORKFLOW_FAILED',
  cancelled: 'WORKFLOW_CANCELLED',
  paused: 'WORKFLOW_PAUSED',
  running: 'WORKFLOW_RESUMED',
} as const satisfies Record<InstanceStatus, AuditEntry['action']>;

/** What the audit trail says of a move from one status to another. */
export function statusAudit(
  entry: Omit<AuditEntry, 'action'>,
  move: { readonly from: InstanceStatus; readonly to: InstanceStatus },
): AuditEntry[] {
  return move.from === move.to ? [] : [{ ...entry, action: ACTIONS[move.to] }];
}
