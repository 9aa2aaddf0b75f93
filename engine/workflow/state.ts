import { noVariables, type Variables } from './variables.ts';

export const instanceStatuses = ['running', 'paused', 'completed', 'failed', 'cancelled'] as const;

export type InstanceStatus = (typeof instanceStatuses)[number];

/** An instance as decisions see it. */
export interface Instance {
  readonly status: InstanceStatus;
  readonly failureReason: string | null;
  readonly variables: Variables;
  readonly state: InstanceState;
}

/**
 * Where an instance stands: what is under way, never what has been, so that it does not grow with the steps taken. Kept as
 * JSON; times are milliseconds since 1970.
 */
export interface InstanceState {
  /** The number of the next activation. Each entry into a step is one, and so is each job. */
  readonly next: number;
  readonly tokens: readonly Token[];
  readonly forks: readonly Fork[];
  /** What is to be entered once the instance runs again. */
  readonly held: readonly Entry[];
  readonly failed: readonly FailedEntry[];
  /** Signals for steps that the instance has still to come to. */
  readonly early: readonly { readonly step: string; readonly variables: string }[];
  /** Steps that would have to be undone, the last one first to go. */
  readonly undo: readonly string[];
  /** Why the steps are being undone, while they are. */
  readonly undoing?: string | undefined;
}

/** A step to be entered. */
export interface Entry {
  readonly step: string;
  /** The gateway's activation whose branch this is. */
  readonly fork: number | null;
  /** What a list step has got done before it failed. */
  readonly each?: FanOut | undefined;
  /** Run the step's compensation instead of the step. */
  readonly undo?: boolean | undefined;
}

export interface FailedEntry extends Entry {
  readonly activation: number;
  readonly reason: string;
}

/** A step under way. */
export interface Token extends Entry {
  readonly activation: number;
  readonly since: number;
  readonly timers: readonly Timer[];
}

export interface Timer {
  readonly due: number;
  /** The index of a boundary event, or what the step does when the time has come. */
  readonly what: number | 'timeout' | 'wake';
}

/** The branches of a gateway that have not joined. */
export interface Fork {
  readonly id: number;
  readonly join: string;
  readonly expected: number;
  readonly arrived: number;
  /** The fork that the gateway itself is in a branch of. */
  readonly parent: number | null;
  /** When the first branch arrived. */
  readonly since: number;
}

/** A list step: its jobs have activations of their own. Values are JSON text. */
export interface FanOut {
  readonly items: readonly string[];
  readonly pending: readonly number[];
  readonly open: readonly { readonly activation: number; readonly index: number }[];
  readonly results: readonly (string | null)[];
}

export function newInstance(variables: Variables = noVariables): Instance {
  const state: InstanceState = { next: 0, tokens: [], forks: [], held: [], failed: [], early: [], undo: [] };
  return { status: 'running', failureReason: null, variables, state };
}

/** When the instance wants to be looked at again by itself. */
export function nextDue({ status, state }: Instance): number | undefined {
  if (status !== 'running') return undefined;
  const dues = state.tokens.flatMap(({ timers }) => timers.map(({ due }) => due));
  return dues.length === 0 ? undefined : dues.reduce((a, b) => Math.min(a, b));
}

export function hasEnded(status: InstanceStatus): boolean {
  return status === 'completed' || status === 'cancelled';
}

/** How many steps stand before the first that is under way, in the order of declaration; all of them at the end. */
export function position(steps: Iterable<string>, { status, state }: Instance): number | undefined {
  const order = [...steps];
  if (status === 'completed') return stepCount(order.length);
  const standing = new Set([...state.tokens, ...state.held, ...state.failed].map(({ step }) => step));
  const index = order.findIndex((id) => standing.has(id));
  return index === -1 ? undefined : index;
}

/** Without the END. */
export function stepCount(all: number): number {
  return all - 1;
}
