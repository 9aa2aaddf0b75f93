import { type Decision, decide } from '../../../../engine/workflow/decide.ts';
import type { Definition } from '../../../../engine/workflow/definition.ts';
import type { Effect, HistoryEntry, JobEffect } from '../../../../engine/workflow/effects.ts';
import type { WorkflowEvent } from '../../../../engine/workflow/events.ts';
import { parseDefinition } from '../../../../engine/workflow/parse-definition.ts';
import { type Instance, newInstance } from '../../../../engine/workflow/state.ts';
import { readVariables, writeVariables } from '../../../../engine/workflow/variables.ts';

/** Steps without the names that the tests have no use for. */
export function graph(steps: readonly Record<string, unknown>[], head: Record<string, unknown> = {}) {
  return JSON.stringify({
    id: 'flow',
    name: 'Flow',
    ...head,
    steps: steps.map((step) => ({ name: step['id'], ...step })),
  });
}

export const end = { id: 'end', type: 'END' };

export function task(id: string, nextStep: string, more: Record<string, unknown> = {}) {
  return { id, type: 'SERVICE_TASK', jobType: id, nextStep, ...more };
}

export function define(
  steps: readonly Record<string, unknown>[],
  head: Record<string, unknown> = {},
): Definition {
  const parsed = parseDefinition(graph(steps, head));
  if (parsed.kind === 'valid') return parsed.definition;
  throw new Error(parsed.faults.join('\n'));
}

export function faultsOf(text: string): readonly string[] {
  const parsed = parseDefinition(text);
  return parsed.kind === 'valid' ? [] : parsed.faults;
}

/** An instance driven by events, with all that was decided about it. */
export class Run {
  readonly definition: Definition;
  readonly effects: Effect[] = [];
  readonly history: HistoryEntry[] = [];
  instance: Instance;
  now = 0;

  constructor(definition: Definition, input: Record<string, unknown> | string = {}) {
    this.definition = definition;
    this.instance = newInstance(readVariables(typeof input === 'string' ? input : JSON.stringify(input)));
    this.send({ kind: 'started' });
  }

  send(event: WorkflowEvent): Decision {
    const decision = decide(this.definition, this.instance, event, new Date(this.now));
    if (decision.kind === 'changed') {
      // As the database keeps it.
      const { state, ...rest } = decision.instance;
      this.instance = { ...rest, state: JSON.parse(JSON.stringify(state)) as Instance['state'] };
      this.effects.push(...decision.effects);
      this.history.push(...decision.history);
    }
    return decision;
  }

  /** The job of the step that was asked for last. */
  job(step: string): JobEffect {
    const found = this.jobs().findLast(({ type }) => type === step);
    if (!found) throw new Error(`No job of "${step}" was asked for.`);
    return found;
  }

  jobs(): JobEffect[] {
    return this.effects.filter((effect) => effect.kind === 'job');
  }

  complete(step: string, result: unknown = {}): Decision {
    const { activation } = this.job(step);
    return this.send({ kind: 'jobCompleted', activation, result: JSON.stringify(result) });
  }

  fail(step: string, reason = 'boom'): Decision {
    return this.send({ kind: 'jobFailed', activation: this.job(step).activation, reason });
  }

  signal(step: string, variables: Record<string, unknown> = {}): Decision {
    return this.send({ kind: 'signalled', step, variables: readVariables(JSON.stringify(variables)) });
  }

  completeTask(step: string, variables: Record<string, unknown> = {}): Decision {
    return this.send({ kind: 'taskCompleted', step, variables: readVariables(JSON.stringify(variables)) });
  }

  pass(milliseconds: number): Decision {
    this.now += milliseconds;
    return this.send({ kind: 'timePassed' });
  }

  get variables(): unknown {
    return JSON.parse(writeVariables(this.instance.variables));
  }

  get open(): string[] {
    return this.instance.state.tokens.map(({ step }) => step);
  }

  get path(): string[] {
    return this.history.map(({ step, status }) => (status === 'completed' ? step : `${step} ${status}`));
  }
}
