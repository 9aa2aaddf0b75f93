import type { Definition } from './definition.ts';
import { Draft } from './draft.ts';
import type { Effect, HistoryEntry } from './effects.ts';
import { enterStep } from './enter-step.ts';
import { applyEvent, type Refusal, type WorkflowEvent } from './events.ts';
import { failStep } from './leave-step.ts';
import type { Instance } from './state.ts';

export type Decision =
  | {
      readonly kind: 'changed';
      readonly instance: Instance;
      readonly effects: readonly Effect[];
      readonly history: readonly HistoryEntry[];
    }
  /** What came is about something that is over: nothing changes. */
  | { readonly kind: 'ignored' }
  | Refusal;

/** Steps that one decision may go through without any that takes time: a graph can run in a circle of them. */
const MAX_STEPS = 5_000;

/**
 * What an instance becomes by an event, and what is to be done for it. A pure function: the same arguments give the same
 * answer, so a decision that lost to another is simply made again.
 */
export function decide(
  definition: Definition,
  instance: Instance,
  event: WorkflowEvent,
  now: Date,
): Decision {
  const draft = new Draft(definition, instance, now);
  const applied = applyEvent(draft, event);
  if (applied !== 'applied') return applied === 'ignored' ? { kind: 'ignored' } : applied;
  goOn(draft);
  return {
    kind: 'changed',
    instance: draft.instance,
    effects: withoutVain(draft.effects),
    history: draft.history,
  };
}

/** Enters what is to be entered, until all that is open takes time. */
function goOn(draft: Draft): void {
  let count = 0;
  for (let entry = draft.queue.shift(); entry; entry = draft.queue.shift()) {
    count += 1;
    if (draft.status !== 'running') draft.held.push(entry);
    else if (count <= MAX_STEPS) enterStep(draft, entry);
    else endCircle(draft, entry.step);
  }
  const [failed] = draft.failed;
  if (draft.status === 'running' && draft.tokens.size === 0 && failed) {
    draft.status = 'failed';
    draft.failureReason = `Step "${failed.step}" failed: ${failed.reason}`;
  }
}

function endCircle(draft: Draft, step: string): void {
  const since = draft.now.getTime();
  const reason = `${MAX_STEPS} steps were gone through without one that takes time: the graph runs in a circle.`;
  failStep(draft, { activation: draft.activate(), step, fork: null, since, timers: [] }, reason);
}

/** Without what was asked for and taken back in the same decision. */
function withoutVain(effects: readonly Effect[]): Effect[] {
  const made = new Set(effects.flatMap((effect) => makes(effect)));
  const unmade = new Set(effects.flatMap((effect) => takesBack(effect)).filter((name) => made.has(name)));
  return effects.filter(
    (effect) => ![...makes(effect), ...takesBack(effect)].some((name) => unmade.has(name)),
  );
}

function makes(effect: Effect): string[] {
  if (effect.kind === 'job') return [`job ${effect.activation}`];
  if (effect.kind === 'openTask') return [`task ${effect.activation}`];
  return effect.kind === 'start' && effect.parent !== undefined ? [`child ${effect.parent}`] : [];
}

function takesBack(effect: Effect): string[] {
  if (effect.kind === 'cancelJob') return [`job ${effect.activation}`];
  if (effect.kind === 'closeTask') return [`task ${effect.activation}`];
  return effect.kind === 'cancelChild' ? [`child ${effect.activation}`] : [];
}
