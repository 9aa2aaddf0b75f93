import type { InstanceId } from '../../events/ids.ts';
import type { Instance, InstanceState, InstanceStatus } from './state.ts';
import { readVariables } from './variables.ts';

/** An instance as it stands in the store. */
export interface InstanceRecord {
  readonly id: InstanceId;
  readonly name: string;
  readonly foreignId: string | null;
  readonly definition: DefinitionRef;
  readonly status: InstanceStatus;
  readonly state: InstanceState;
  /** JSON text of an object. */
  readonly variables: string;
  /** How many of its steps stand before those under way, in the order of declaration; for a chain, its index. */
  readonly currentStep: number;
  readonly totalSteps: number;
  readonly failureReason: string | null;
  readonly parent: ParentRef | null;
  readonly traceparent: string | null;
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly completedAt: Date | null;
  /** By the store's clock, when this was read: the time of a decision made on it. */
  readonly loadedAt: Date;
}

export interface DefinitionRef {
  readonly id: string;
  readonly version: number;
  /** Whose it is; absent where it is nobody's, and there for all. */
  readonly tenant?: string | undefined;
}

/** The step of another instance that waits for this one. */
export interface ParentRef {
  readonly id: InstanceId;
  readonly activation: number;
}

/** As decisions see it. */
export function toInstance(record: InstanceRecord): Instance {
  const { status, failureReason, state } = record;
  return { status, failureReason, state, variables: readVariables(record.variables) };
}
