import type { InstanceId, StepId } from '../events/ids.ts';
import type { RetrySettings } from './retry-policy.ts';

export const instanceStatuses = ['running', 'completed', 'failed', 'cancelled'] as const;

export type InstanceStatus = (typeof instanceStatuses)[number];

/** A step of a sequential workflow, as it was sent. */
export interface WorkflowStep {
  readonly name: string;
  readonly type: StepId;
  /** JSON text of an object. */
  readonly payload: string;
  readonly max_retries: number;
  readonly retry?: RetrySettings | undefined;
}

export interface InstanceRecord {
  readonly id: InstanceId;
  readonly name: string;
  readonly foreignId: string | null;
  readonly status: InstanceStatus;
  readonly steps: readonly WorkflowStep[];
  /** Index of the step under way; equal to the number of steps once completed. */
  readonly currentStep: number;
  /** JSON text of each completed step's result, in step order. */
  readonly outputs: readonly string[];
  readonly failureReason: string | null;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly completedAt: Date | null;
}

/** What an instance does next. A pure function of what it is and what happened. */
export type InstanceDecision =
  | {
      readonly kind: 'next';
      readonly stepIndex: number;
      readonly step: WorkflowStep;
      readonly payload: string;
    }
  | { readonly kind: 'completed' }
  | { readonly kind: 'ignored' };

/** After the job of step `stepIndex` has completed with `result` (JSON text). */
export function decideStepCompleted(
  instance: InstanceRecord,
  stepIndex: number,
  result: string,
): InstanceDecision {
  if (instance.status !== 'running' || instance.currentStep !== stepIndex) return { kind: 'ignored' };
  const nextIndex = stepIndex + 1;
  const next = instance.steps[nextIndex];
  if (!next) return { kind: 'completed' };
  const payload = stepPayload(instance.steps, nextIndex, [...instance.outputs, result]);
  return { kind: 'next', stepIndex: nextIndex, step: next, payload };
}

/**
 * The payload of a step's job: the step's own payload, and under `outputs` what the earlier steps returned, by step name.
 * Composed as text, because parsing would lose numbers beyond 2^53 and the order of keys.
 */
export function stepPayload(
  steps: readonly WorkflowStep[],
  stepIndex: number,
  outputs: readonly string[],
): string {
  const own = steps[stepIndex]?.payload ?? '{}';
  if (stepIndex === 0) return own;
  const members = outputs.map((output, index) => `${JSON.stringify(steps[index]?.name)}:${output}`);
  const body = own.trim().slice(1, -1).trim();
  return `{${body === '' ? '' : `${body},`}"outputs":{${members.join(',')}}}`;
}
