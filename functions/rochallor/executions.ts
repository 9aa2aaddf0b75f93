import type { InstanceDetail, RecordStore } from '../../engine/ports/record-store.ts';
import { definitionOf } from '../../engine/workflow/definitions.ts';
import { timelineOf } from '../http/workflow-views.ts';

export const executionWords = ['RUNNING', 'COMPLETED', 'FAILED'] as const;
export type ExecutionWord = (typeof executionWords)[number];

/** One entry into a step. */
export interface ExecutionView {
  readonly id: string;
  readonly instanceId: string;
  readonly stepId: string;
  readonly stepType: string;
  /** Which entry into this step it is, from 1. */
  readonly attemptNumber: number;
  readonly status: ExecutionWord;
  readonly startedAt: Date;
  readonly endedAt: Date | null;
  readonly failureReason: string | null;
}

/** In the order in which they began. A timer that started something beside its step is no execution. */
export async function executionsOf(store: RecordStore, detail: InstanceDetail): Promise<ExecutionView[]> {
  const { instance } = detail;
  const definition = await definitionOf(store, instance);
  const entered = new Map<string, number>();
  return timelineOf(detail, definition)
    .filter(({ type }) => type !== 'TIMER')
    .map((entry) => {
      const attemptNumber = (entered.get(entry.step) ?? 0) + 1;
      entered.set(entry.step, attemptNumber);
      return {
        id: executionId(instance.id, entry.activation),
        instanceId: instance.id,
        stepId: entry.step,
        stepType: entry.type,
        attemptNumber,
        status: wordOf(entry.status),
        startedAt: entry.startedAt,
        endedAt: entry.endedAt,
        failureReason: entry.status === 'completed' ? null : entry.reason,
      };
    });
}

/** The `step_execution_id` of the job's message, too. */
export function executionId(instanceId: string, activation: number): string {
  return `${instanceId}.${activation}`;
}

function wordOf(status: string): ExecutionWord {
  if (status === 'running') return 'RUNNING';
  return status === 'completed' ? 'COMPLETED' : 'FAILED';
}
