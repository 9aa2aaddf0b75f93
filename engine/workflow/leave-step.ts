import type { Step } from './definition.ts';
import type { Draft } from './draft.ts';
import { ExpressionError } from './expression-syntax.ts';
import { evaluateCondition } from './expressions.ts';
import type { Token } from './state.ts';
import type { Variables } from './variables.ts';

/** The step has done its work and made these variables: the way goes on. */
export function completeStep(draft: Draft, token: Token, made: Variables): void {
  const fault = draft.merge(made);
  if (fault === undefined) finishStep(draft, token);
  else failStep(draft, token, fault);
}

export function finishStep(draft: Draft, token: Token): void {
  const step = draft.step(token.step);
  const target = attempt(draft, token, () => wayOut(draft, step));
  if (target === undefined) return;
  draft.close(token, 'completed');
  if (step.compensation) draft.undo.push(step.id);
  draft.queue.push({ step: target, fork: token.fork });
}

/** @throws ExpressionError when no condition holds and there is no other way */
function wayOut(draft: Draft, { type, branches, nextStep }: Step): string {
  const scope = { variables: draft.variables, now: draft.now };
  const branch = branches.find(({ when }) => evaluateCondition(when, scope));
  const target = branch?.to ?? (type === 'DECISION' ? undefined : nextStep);
  if (target !== undefined) return target;
  throw new ExpressionError('no conditionalNextSteps branch matched (DecisionNoBranchMatched)');
}

/** @returns undefined when the expressions did not come to a value, and the step has failed with the reason */
export function attempt<T>(draft: Draft, token: Token, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    failStep(draft, token, error.message);
    return undefined;
  }
}

/** The step cannot go on: what was done is undone where the definition says how, otherwise somebody must decide. */
export function failStep(draft: Draft, token: Token, reason: string): void {
  const text = `Step "${token.step}" failed: ${reason}`;
  draft.close(token, 'failed', reason);
  if (draft.undo.length > 0 && draft.undoing === undefined) {
    draft.closeAll(text);
    draft.undoing = text;
    draft.failed = [];
    undoNext(draft);
    return;
  }
  const { activation, step, fork, each, undo } = token;
  const rest = each && { ...each, pending: withoutResult(each.results), open: [] };
  draft.failed.push({
    activation,
    step,
    fork,
    reason,
    ...(rest ? { each: rest } : {}),
    ...(undo ? { undo } : {}),
  });
  draft.status = 'failed';
  draft.failureReason = text;
}

function withoutResult(results: readonly (string | null)[]): number[] {
  return [...results.entries()].flatMap(([index, result]) => (result === null ? [index] : []));
}

/** The next step to be undone; after the last one the instance has failed for good. */
export function undoNext(draft: Draft): void {
  const step = draft.undo.pop();
  if (step !== undefined) {
    draft.queue.push({ step, fork: null, undo: true });
    return;
  }
  draft.status = 'failed';
  draft.failureReason = draft.undoing ?? null;
  draft.undoing = undefined;
}
