import type { NewInstance } from '../../engine/commit.ts';
import type { InstancePageFilter } from '../../engine/ports/paged-reads.ts';
import type { RecordStore } from '../../engine/ports/record-store.ts';
import type { Definition } from '../../engine/workflow/definition.ts';
import { definitionOf } from '../../engine/workflow/definitions.ts';
import type { InstanceRecord } from '../../engine/workflow/instance-record.ts';

/** An instance as the protocol of the Rochallor engine shows it. */
export interface InstanceView {
  readonly id: string;
  readonly definitionId: string;
  readonly definitionVersion: number;
  readonly status: InstanceWord;
  readonly currentStepIds: readonly string[];
  /** JSON text of an object. */
  readonly variables: string;
  readonly startedAt: Date;
  readonly completedAt: Date | null;
  readonly failureReason: string | null;
  readonly businessKey: string | null;
}

export const instanceWords = ['ACTIVE', 'WAITING', 'COMPLETED', 'FAILED', 'CANCELLED'] as const;
export type InstanceWord = (typeof instanceWords)[number];

type Shown = Pick<
  InstanceRecord | NewInstance,
  'id' | 'definition' | 'status' | 'state' | 'variables' | 'createdAt' | 'failureReason'
> & { readonly foreignId?: string | null; readonly completedAt?: Date | null };

/** Also of one that has just begun, which may have ended at once. */
export async function viewOf(store: RecordStore, instance: Shown): Promise<InstanceView> {
  const definition = await definitionOf(store, instance);
  const { id: definitionId, version: definitionVersion } = instance.definition;
  const status = wordOf(instance, definition);
  const ended = status === 'COMPLETED' || status === 'FAILED' || status === 'CANCELLED';
  return {
    id: instance.id,
    definitionId,
    definitionVersion,
    status,
    currentStepIds: standing(instance),
    variables: instance.variables,
    startedAt: instance.createdAt,
    completedAt: ended ? (instance.completedAt ?? instance.createdAt) : null,
    failureReason: instance.failureReason,
    businessKey: instance.foreignId ?? null,
  };
}

/** What is under way; where it failed, that it stands there. */
function standing({ status, state }: Shown): string[] {
  const at =
    status === 'failed'
      ? [...state.tokens, ...state.held, ...state.failed]
      : [...state.tokens, ...state.held];
  return status === 'completed' || status === 'cancelled' ? [] : at.map(({ step }) => step);
}

function wordOf({ status, state }: Shown, definition: Definition): InstanceWord {
  switch (status) {
    case 'running':
      return state.tokens.some(({ step }) => waits(definition, step)) ? 'WAITING' : 'ACTIVE';
    case 'paused':
      return 'WAITING';
    case 'completed':
      return 'COMPLETED';
    case 'failed':
      return 'FAILED';
    case 'cancelled':
      return 'CANCELLED';
    default:
      return status satisfies never;
  }
}

function waits({ steps }: Definition, id: string): boolean {
  const type = steps.get(id)?.type;
  return type === 'USER_TASK' || type === 'WAIT';
}

/** The instances that are told with this word. */
export function filterOf(word: string | undefined): Pick<InstancePageFilter, 'statuses' | 'waiting'> {
  switch (word) {
    case undefined:
      return {};
    case 'ACTIVE':
      return { statuses: ['running'], waiting: false };
    case 'WAITING':
      return { statuses: ['running', 'paused'], waiting: true };
    case 'COMPLETED':
      return { statuses: ['completed'] };
    case 'FAILED':
      return { statuses: ['failed'] };
    case 'CANCELLED':
      return { statuses: ['cancelled'] };
    default:
      return { statuses: [] };
  }
}
