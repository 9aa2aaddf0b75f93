import type { StepId } from '../../events/ids.ts';
import type { RetrySettings } from '../retry-policy.ts';
import type { StepType } from './definition.ts';

/** What a decision asks for beside the instance's new state, to be written in the same transaction. */
export type Effect =
  | JobEffect
  /** The activation's job, unless it has ended. */
  | { readonly kind: 'cancelJob'; readonly activation: number }
  | { readonly kind: 'openTask'; readonly activation: number; readonly step: string; readonly name: string }
  | { readonly kind: 'closeTask'; readonly activation: number }
  | StartEffect
  | { readonly kind: 'cancelChild'; readonly activation: number };

export interface JobEffect {
  readonly kind: 'job';
  readonly activation: number;
  readonly type: StepId;
  /** JSON text. */
  readonly payload: string;
  readonly maxRetries: number;
  readonly retry?: RetrySettings | undefined;
}

export interface StartEffect {
  readonly kind: 'start';
  readonly workflowId: string;
  readonly version?: number | undefined;
  /** JSON text of an object. */
  readonly input: string;
  /** The activation that waits for the new instance; without it, nobody does. */
  readonly parent?: number | undefined;
}

/** A step that has ended: what an instance has done is the list of these. Times are milliseconds since 1970. */
export interface HistoryEntry {
  readonly activation: number;
  readonly step: string;
  readonly type: StepType | 'TIMER' | 'COMPENSATION';
  readonly status: 'completed' | 'failed' | 'cancelled' | 'interrupted' | 'fired';
  readonly startedAt: number;
  readonly endedAt: number;
  readonly reason?: string;
}
