import { type BoundaryTimer, canReach } from './definition.ts';
import type { Draft } from './draft.ts';
import { completeItem, ownerOf, pump } from './fan-out.ts';
import { resultVariables } from './job-payload.ts';
import { completeStep, failStep, undoNext } from './leave-step.ts';
import { hasEnded, type Timer, type Token } from './state.ts';
import { readVariables, type Variables, variablesFault, writeVariables } from './variables.ts';

export type WorkflowEvent =
  | { readonly kind: 'started' }
  /** `result` is JSON text. */
  | { readonly kind: 'jobCompleted'; readonly activation: number; readonly result: string }
  /** For good: no retry is left. */
  | { readonly kind: 'jobFailed'; readonly activation: number; readonly reason: string }
  /** The failed step's job was queued again. */
  | { readonly kind: 'jobRedriven'; readonly activation: number }
  | { readonly kind: 'taskCompleted'; readonly step: string; readonly variables: Variables }
  | {
      readonly kind: 'signalled';
      readonly step: string;
      readonly variables: Variables;
      /** The sender wants to know when the step is not open yet, instead of the signal being kept for it. */
      readonly openOnly?: true;
    }
  | {
      readonly kind: 'childEnded';
      readonly activation: number;
      readonly status: 'completed' | 'failed' | 'cancelled';
      readonly variables: Variables;
      readonly reason?: string | undefined;
    }
  /** Timers may have run out. */
  | { readonly kind: 'timePassed' }
  | { readonly kind: 'retried'; readonly step: string; readonly variables: Variables }
  | { readonly kind: 'paused' }
  | { readonly kind: 'resumed' }
  | { readonly kind: 'cancelled'; readonly reason?: string | undefined };

export interface Refusal {
  readonly kind: 'refused';
  readonly code:
    | 'ended'
    | 'unknown_step'
    | 'wrong_type'
    | 'not_open'
    | 'not_failed'
    | 'not_paused'
    | 'bad_variables';
  readonly reason: string;
}

type Applied = 'applied' | 'ignored' | Refusal;

export function applyEvent(draft: Draft, event: WorkflowEvent): Applied {
  switch (event.kind) {
    case 'started':
      draft.queue.push({ step: draft.definition.first, fork: null });
      return 'applied';
    case 'jobCompleted':
      return jobCompleted(draft, event);
    case 'jobFailed': {
      const token = ownerOf(draft, event.activation);
      if (!token) return 'ignored';
      failStep(draft, token, event.reason);
      draft.settled(event.activation);
      return 'applied';
    }
    case 'jobRedriven':
      return jobRedriven(draft, event.activation);
    case 'taskCompleted':
      return taskCompleted(draft, event);
    case 'signalled':
      return signalled(draft, event);
    case 'childEnded':
      return childEnded(draft, event);
    case 'timePassed':
      return timePassed(draft);
    case 'retried':
      return retried(draft, event);
    case 'paused':
      if (draft.status !== 'running') return refuse('ended', `The workflow is ${draft.status}, not running.`);
      draft.status = 'paused';
      return 'applied';
    case 'resumed':
      if (draft.status !== 'paused')
        return refuse('not_paused', `The workflow is ${draft.status}, not paused.`);
      release(draft);
      return 'applied';
    case 'cancelled':
      return cancelled(draft, event.reason);
    default:
      return event satisfies never;
  }
}

type EventOf<Kind extends WorkflowEvent['kind']> = Extract<WorkflowEvent, { kind: Kind }>;

function jobCompleted(draft: Draft, { activation, result }: EventOf<'jobCompleted'>): Applied {
  const token = ownerOf(draft, activation);
  if (!token) return 'ignored';
  if (token.undo) {
    draft.close(token, 'completed');
    undoNext(draft);
  } else if (token.each) {
    completeItem(draft, token, { activation, result });
  } else {
    const made = resultVariables(draft.step(token.step), result);
    completeStep(draft, token, made === 'merge' ? readVariables(result) : made);
  }
  return 'applied';
}

/** The step is under way again with the job it failed with. */
function jobRedriven(draft: Draft, activation: number): Applied {
  const entry = draft.failed.find((candidate) => candidate.activation === activation);
  if (!entry || entry.each || draft.status === 'completed') {
    return refuse('ended', 'The workflow has gone past this step.');
  }
  draft.failed = draft.failed.filter((other) => other !== entry);
  const { reason: _, ...token } = entry;
  draft.open({ ...token, since: draft.now.getTime(), timers: [] });
  release(draft);
  return 'applied';
}

function taskCompleted(draft: Draft, { step, variables }: EventOf<'taskCompleted'>): Applied {
  const refusal = unfit(draft, step, { type: 'USER_TASK', variables });
  if (refusal) return refusal;
  const token = openTokenAt(draft, step);
  if (!token) return refuse('not_open', `User task "${step}" is not open.`);
  completeStep(draft, token, variables);
  return 'applied';
}

/** A signal that comes before its step is kept for it, if the instance can still come there. */
function signalled(draft: Draft, { step, variables, openOnly }: EventOf<'signalled'>): Applied {
  const refusal = unfit(draft, step, { type: 'WAIT', variables });
  if (refusal) return refusal;
  const token = openTokenAt(draft, step);
  if (token) {
    completeStep(draft, token, variables);
    return 'applied';
  }
  if (openOnly) return refuse('not_open', `Wait step "${step}" is not open.`);
  const { tokens, held, failed, definition } = draft;
  const standing = [...tokens.values(), ...held, ...failed].map((entry) => entry.step);
  if (!canReach(definition, standing, step)) {
    return refuse('not_open', `Wait step "${step}" has been passed: the signal came too late, or twice.`);
  }
  if (draft.early.some((signal) => signal.step === step)) {
    return refuse('not_open', `A signal for wait step "${step}" is waiting for it already.`);
  }
  draft.early.push({ step, variables: writeVariables(variables) });
  return 'applied';
}

function childEnded(draft: Draft, event: EventOf<'childEnded'>): Applied {
  const token = draft.tokens.get(event.activation);
  if (!token) return 'ignored';
  if (event.status === 'completed') {
    const { output } = draft.step(token.step);
    const made =
      output === undefined ? event.variables : new Map([[output, writeVariables(event.variables)]]);
    completeStep(draft, token, made);
  } else {
    failStep(draft, token, event.reason ?? `The child workflow was ${event.status}.`);
  }
  return 'applied';
}

function timePassed(draft: Draft): Applied {
  if (draft.status !== 'running') return 'ignored';
  const now = draft.now.getTime();
  const due = [...draft.tokens.values()]
    .flatMap((token) => token.timers.map((timer) => ({ timer, activation: token.activation })))
    .filter(({ timer }) => timer.due <= now)
    .sort((a, b) => a.timer.due - b.timer.due || a.activation - b.activation);
  for (const { timer, activation } of due) {
    // An earlier timer may have ended the step.
    const token = draft.tokens.get(activation);
    if (token) fire(draft, token, timer);
  }
  return due.length === 0 ? 'ignored' : 'applied';
}

function fire(draft: Draft, token: Token, timer: Timer): void {
  const step = draft.step(token.step);
  if (timer.what === 'wake') completeStep(draft, token, new Map());
  else if (timer.what === 'timeout') {
    failStep(draft, token, `timed out after ${(step.timeoutMs ?? 0) / 1000} s`);
  } else {
    fireBoundary(draft, token, { ...timer, event: step.timers[timer.what] });
  }
}

function fireBoundary(
  draft: Draft,
  token: Token,
  { what, event }: Timer & { readonly event: BoundaryTimer | undefined },
): void {
  if (!event) return;
  if (event.interrupting) draft.close(token, 'interrupted', 'interrupted by boundary timer');
  else {
    draft.open({ ...token, timers: token.timers.filter((other) => other.what !== what) });
    const fork = token.fork === null ? undefined : draft.forks.get(token.fork);
    // What the timer starts is a branch more, which the join waits for.
    if (fork) draft.forks.set(fork.id, { ...fork, expected: fork.expected + 1 });
    draft.record(token, 'fired', `started "${event.target}"`);
  }
  draft.queue.push({ step: event.target, fork: token.fork });
}

function retried(draft: Draft, { step, variables }: EventOf<'retried'>): Applied {
  if (!draft.definition.steps.has(step)) return refuse('unknown_step', `The workflow has no step "${step}".`);
  const entry = draft.failed.find((candidate) => candidate.step === step);
  if (draft.status !== 'failed' || !entry) return refuse('not_failed', `Step "${step}" has not failed.`);
  const fault = draft.merge(variables);
  if (fault !== undefined) return refuse('bad_variables', fault);
  draft.failed = draft.failed.filter((other) => other !== entry);
  const { activation: _, reason: __, ...again } = entry;
  draft.queue.push(again);
  release(draft);
  return 'applied';
}

/** The instance runs again, from where it was held up. */
function release(draft: Draft): void {
  draft.status = 'running';
  draft.failureReason = null;
  draft.queue.push(...draft.held);
  draft.held = [];
  for (const token of [...draft.tokens.values()]) {
    const { each } = token;
    if (each && each.pending.length > 0) pump(draft, { ...token, each }, draft.step(token.step));
  }
}

function cancelled(draft: Draft, reason: string | undefined): Applied {
  if (hasEnded(draft.status) || draft.status === 'failed') {
    return refuse('ended', `The workflow is ${draft.status}: there is nothing left to cancel.`);
  }
  // Where it stood stays known, so that the job of a step can still be redriven, and the workflow with it.
  const stood = [...draft.tokens.values()].map(({ since: _, timers: __, ...entry }) => ({
    ...entry,
    reason: 'cancelled',
  }));
  const [forks, held] = [[...draft.forks], draft.held];
  draft.closeAll('The workflow was cancelled.');
  for (const [id, fork] of forks) draft.forks.set(id, fork);
  draft.held = held;
  draft.failed = [...draft.failed, ...stood];
  draft.status = 'cancelled';
  draft.failureReason = reason ?? null;
  return 'applied';
}

/** Why something from outside cannot be meant for this step, in the order in which callers rely on. */
function unfit(
  draft: Draft,
  id: string,
  { type, variables }: { readonly type: 'USER_TASK' | 'WAIT'; readonly variables: Variables },
): Refusal | undefined {
  const step = draft.definition.steps.get(id);
  if (!step) return refuse('unknown_step', `The workflow has no step "${id}".`);
  if (step.type !== type) return refuse('wrong_type', `Step "${id}" is a ${step.type}, not a ${type}.`);
  if (hasEnded(draft.status)) return refuse('ended', `The workflow is ${draft.status}.`);
  const fault = variablesFault(new Map([...draft.variables, ...variables]));
  return fault === undefined ? undefined : refuse('bad_variables', fault);
}

function openTokenAt(draft: Draft, step: string): Token | undefined {
  return [...draft.tokens.values()].find((token) => token.step === step);
}

function refuse(code: Refusal['code'], reason: string): Refusal {
  return { kind: 'refused', code, reason };
}
