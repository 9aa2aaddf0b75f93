import type { StepId } from '../../events/ids.ts';
import type { RetrySettings } from '../retry-policy.ts';
import type { DecisionTable } from './decision-table.ts';
import type { Expression } from './expressions.ts';

export const stepTypes = [
  'SERVICE_TASK',
  'USER_TASK',
  'DECISION',
  'DECISION_TABLE',
  'TRANSFORMATION',
  'WAIT',
  'SLEEP',
  'CHILD_WORKFLOW',
  'PARALLEL_GATEWAY',
  'JOIN_GATEWAY',
  'END',
] as const;

export type StepType = (typeof stepTypes)[number];

/** A definition as decisions use it: parsed, its expressions compiled, and valid. It never changes. */
export interface Definition {
  readonly id: string;
  readonly name: string;
  readonly description?: string | undefined;
  /** Started when an instance of this one reaches its end. */
  readonly nextWorkflowId?: string | undefined;
  readonly first: string;
  readonly steps: ReadonlyMap<string, Step>;
}

/** What a step of any type may have. Who may have what is checked at upload. */
export interface Step {
  readonly id: string;
  readonly name: string;
  readonly type: StepType;
  readonly description?: string | undefined;
  readonly nextStep?: string | undefined;
  /** In the order of declaration: the first that holds is taken. */
  readonly branches: readonly Branch[];
  readonly parallelNextSteps: readonly string[];
  readonly joinStep?: string | undefined;
  readonly transformations: readonly Assignment[];
  readonly table?: DecisionTable | undefined;
  /** Of SERVICE_TASK. */
  readonly jobType?: StepId | undefined;
  readonly retryCount: number;
  readonly retry?: RetrySettings | undefined;
  /** The step has failed when it takes longer. */
  readonly timeoutMs?: number | undefined;
  /** Of SLEEP. */
  readonly durationMs?: number | undefined;
  readonly timers: readonly BoundaryTimer[];
  /** The job's payload apart from the variables, JSON text of an object; then the variables go under `outputs`. */
  readonly payload?: string | undefined;
  /** The variable that gets the whole result. Without it, the members of a result that is an object are merged. */
  readonly output?: string | undefined;
  readonly forEach?: ForEach | undefined;
  readonly child?: ChildWorkflow | undefined;
  /** Undoes this step when the instance fails later. */
  readonly compensation?: { readonly jobType: StepId; readonly retryCount: number } | undefined;
}

export interface Branch {
  readonly when: Expression;
  readonly to: string;
}

/** A variable and what it becomes: JSON text, or an expression where that is a string `${…}`. */
export interface Assignment {
  readonly name: string;
  readonly value: string | Expression;
}

export interface BoundaryTimer {
  readonly afterMs: number;
  readonly interrupting: boolean;
  readonly target: string;
}

/** One job for each element of a list. */
export interface ForEach {
  readonly items: Expression;
  /** The element's name in the payload. */
  readonly as: string;
  /** At most so many jobs at a time. */
  readonly concurrency: number;
}

export interface ChildWorkflow {
  readonly workflowId: string;
  /** The latest when the step begins, unless given. */
  readonly version?: number | undefined;
}

/** All steps that can follow this one, by any way out of it. */
export function successors(step: Step): string[] {
  return [
    ...step.branches.map(({ to }) => to),
    ...(step.nextStep === undefined ? [] : [step.nextStep]),
    ...step.parallelNextSteps,
    ...step.timers.map(({ target }) => target),
  ];
}

/** Whether an instance can come from one of the steps to the other, also by standing on it. */
export function canReach(definition: Definition, from: Iterable<string>, target: string): boolean {
  const seen = new Set(from);
  for (const id of seen) {
    if (id === target) return true;
    const step = definition.steps.get(id);
    if (!step) continue;
    // The join is behind the branches, so it comes by itself: each of them leads there.
    for (const next of successors(step)) seen.add(next);
  }
  return false;
}
