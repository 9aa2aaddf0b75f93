import { limits } from '../deps.ts';
import { assign, decideTable } from './decision-table.ts';
import type { Step } from './definition.ts';
import type { Draft } from './draft.ts';
import { startFanOut } from './fan-out.ts';
import { jobPayload, payloadTooLarge } from './job-payload.ts';
import { attempt, completeStep, failStep, finishStep } from './leave-step.ts';
import type { Entry, Timer, Token } from './state.ts';
import { readVariables, type Variables, writeVariables } from './variables.ts';

/** Enters a step: those that take no time are gone through at once. */
export function enterStep(draft: Draft, entry: Entry): void {
  const step = draft.step(entry.step);
  if (step.type === 'JOIN_GATEWAY') {
    arrive(draft, entry, step);
    return;
  }
  const token: Token = {
    ...entry,
    activation: draft.activate(),
    since: draft.now.getTime(),
    timers: timersOf(step, { undo: entry.undo, now: draft.now.getTime() }),
  };
  draft.open(token);
  if (entry.undo) undo(draft, token, step);
  else begin(draft, token, step);
}

function begin(draft: Draft, token: Token, step: Step): void {
  const scope = { variables: draft.variables, now: draft.now };
  switch (step.type) {
    case 'SERVICE_TASK':
      if (step.forEach) startFanOut(draft, token, step);
      else dispatch(draft, token, step);
      return;
    case 'USER_TASK':
      draft.effects.push({ kind: 'openTask', activation: token.activation, step: step.id, name: step.name });
      return;
    case 'WAIT':
      consumeEarlySignal(draft, token);
      return;
    case 'SLEEP':
      return;
    case 'CHILD_WORKFLOW':
      startChild(draft, token, step);
      return;
    case 'DECISION':
      finishStep(draft, token);
      return;
    case 'DECISION_TABLE':
      finishWith(draft, token, () => (step.table ? decideTable(step.table, scope) : new Map()));
      return;
    case 'TRANSFORMATION':
      finishWith(draft, token, () => assign(step.transformations, scope));
      return;
    case 'PARALLEL_GATEWAY':
      fork(draft, token, step);
      return;
    case 'END':
      end(draft, token);
      return;
    case 'JOIN_GATEWAY':
      return;
    default:
      step.type satisfies never;
  }
}

function timersOf(step: Step, { undo, now }: { undo: boolean | undefined; now: number }): Timer[] {
  if (undo) return [];
  const timers: Timer[] = step.timers.map(({ afterMs }, what) => ({ due: now + afterMs, what }));
  if (step.timeoutMs !== undefined) timers.push({ due: now + step.timeoutMs, what: 'timeout' });
  if (step.type === 'SLEEP') timers.push({ due: now + (step.durationMs ?? 0), what: 'wake' });
  return timers;
}

function dispatch(draft: Draft, token: Token, step: Step): void {
  if (!step.jobType) throw new Error(`Step "${step.id}" has no job type.`);
  const payload = jobPayload(step, draft.variables);
  if (Buffer.byteLength(payload) > limits.payloadBytes) {
    failStep(draft, token, payloadTooLarge(step));
    return;
  }
  const { jobType: type, retryCount: maxRetries, retry } = step;
  draft.effects.push({ kind: 'job', activation: token.activation, type, payload, maxRetries, retry });
}

function undo(draft: Draft, token: Token, step: Step): void {
  if (!step.compensation) throw new Error(`Step "${step.id}" has no compensation.`);
  const { jobType: type, retryCount: maxRetries } = step.compensation;
  const payload = jobPayload(step, draft.variables);
  draft.effects.push({ kind: 'job', activation: token.activation, type, payload, maxRetries });
}

function consumeEarlySignal(draft: Draft, token: Token): void {
  const index = draft.early.findIndex(({ step }) => step === token.step);
  const [signal] = index === -1 ? [] : draft.early.splice(index, 1);
  if (signal) completeStep(draft, token, readVariables(signal.variables));
}

function startChild(draft: Draft, token: Token, { child }: Step): void {
  if (!child) throw new Error(`Step "${token.step}" names no workflow.`);
  const input = writeVariables(draft.variables);
  draft.effects.push({ kind: 'start', ...child, input, parent: token.activation });
}

function fork(draft: Draft, token: Token, { parallelNextSteps, joinStep = '' }: Step): void {
  const { activation: id, fork: parent, since } = token;
  draft.forks.set(id, { id, join: joinStep, expected: parallelNextSteps.length, arrived: 0, parent, since });
  draft.close(token, 'completed');
  for (const step of parallelNextSteps) draft.queue.push({ step, fork: id });
}

/** One branch more at the join; the last one goes on alone. */
function arrive(draft: Draft, entry: Entry, step: Step): void {
  const fork = entry.fork === null ? undefined : draft.forks.get(entry.fork);
  if (fork?.join !== step.id) throw new Error(`Step "${step.id}" was reached without its gateway.`);
  const arrived = fork.arrived + 1;
  const since = fork.arrived === 0 ? draft.now.getTime() : fork.since;
  if (arrived < fork.expected) {
    draft.forks.set(fork.id, { ...fork, arrived, since });
    return;
  }
  draft.forks.delete(fork.id);
  draft.record({ activation: draft.activate(), step: step.id, since }, 'completed');
  draft.queue.push({ step: step.nextStep ?? '', fork: fork.parent });
}

function end(draft: Draft, token: Token): void {
  draft.close(token, 'completed');
  draft.closeAll('The instance came to its end.');
  draft.failed = [];
  draft.early = [];
  draft.undo = [];
  draft.status = 'completed';
  draft.failureReason = null;
  const { nextWorkflowId } = draft.definition;
  if (nextWorkflowId !== undefined) {
    draft.effects.push({ kind: 'start', workflowId: nextWorkflowId, input: writeVariables(draft.variables) });
  }
}

function finishWith(draft: Draft, token: Token, make: () => Variables): void {
  const made = attempt(draft, token, make);
  if (made) completeStep(draft, token, made);
}
