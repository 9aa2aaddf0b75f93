import type { InstanceId } from '../../events/ids.ts';
import type { NewInstance, NewJob } from '../commit.ts';
import type { EngineDeps } from '../deps.ts';
import { MillraceError } from '../errors.ts';
import { defined, newJob } from '../new-job.ts';
import { type Decision, decide } from '../workflow/decide.ts';
import type { Definition } from '../workflow/definition.ts';
import { NOBODY, parsed } from '../workflow/definitions.ts';
import type { Effect, StartEffect } from '../workflow/effects.ts';
import type { InlineDefinition } from '../workflow/inline-definition.ts';
import type { DefinitionRef, ParentRef } from '../workflow/instance-record.ts';
import { newInstance, stepCount } from '../workflow/state.ts';
import { readVariables, type Variables } from '../workflow/variables.ts';
import { instanceWrites } from './instance-writes.ts';

export interface Beginning {
  readonly definition: Definition;
  readonly ref: DefinitionRef;
  readonly inline?: InlineDefinition | undefined;
  readonly name: string;
  readonly input: Variables;
  readonly foreignId?: string | undefined;
  readonly parent?: ParentRef | undefined;
  readonly traceparent?: string | undefined;
  readonly begun?: Begun | undefined;
}

/** How many instances one request or decision has begun so far: a workflow that starts itself at once would never be done. */
interface Begun {
  count: number;
}
const MOST_BEGUN = 1_000;
const tooMany = {
  kind: 'cancelled',
  reason: `${MOST_BEGUN} workflows were started one by the other without one that takes time: they start themselves in a circle.`,
} as const;

/**
 * A new instance as far as it goes by itself, with those that it starts in turn, itself the first.
 * @throws MillraceError `internal` when a definition that was there at upload is gone
 */
export async function beginInstance(
  deps: EngineDeps,
  beginning: Beginning,
): Promise<[NewInstance, ...NewInstance[]]> {
  const { definition, name, input, ref, inline, foreignId, parent, traceparent, begun } = beginning;
  const id = deps.newId() as InstanceId;
  const createdAt = deps.clock.now();
  const soFar = begun ?? { count: 0 };
  soFar.count += 1;
  const event = soFar.count > MOST_BEGUN ? tooMany : ({ kind: 'started' } as const);
  const decision = changed(decide(definition, newInstance(input), event, createdAt));
  const origin = { instanceId: id, traceparent };
  const instance: NewInstance = {
    ...instanceWrites({ id, definition, parent, position: 0 }, decision),
    id,
    name,
    definition: ref,
    totalSteps: stepCount(definition.steps.size),
    createdAt,
    jobs: jobsOf(deps, decision.effects, origin),
    ...defined({ inline, foreignId, parent, traceparent }),
  };
  const starter = { id, foreignId, traceparent, definition: ref, begun: soFar };
  return [instance, ...(await startedBy(deps, decision.effects, starter))];
}

function changed(decision: Decision): Extract<Decision, { kind: 'changed' }> {
  if (decision.kind === 'changed') return decision;
  throw new MillraceError('internal', `An instance that begins was ${decision.kind}.`);
}

/** The jobs that a decision asks for. */
export function jobsOf(
  deps: EngineDeps,
  effects: readonly Effect[],
  origin: { readonly instanceId: InstanceId; readonly traceparent?: string | undefined },
): NewJob[] {
  return effects.flatMap((effect) => {
    if (effect.kind !== 'job') return [];
    const { type, payload, maxRetries, retry, activation: index } = effect;
    const step = { instanceId: origin.instanceId, index };
    return [newJob(deps, { type, payload, maxRetries, retry, step, traceparent: origin.traceparent })];
  });
}

export interface Starter {
  readonly id: InstanceId;
  /** By which it runs: what that starts is looked for among what is its owner's, and nobody's. */
  readonly definition: DefinitionRef;
  readonly foreignId?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly begun?: Begun | undefined;
}

/** The instances that a decision starts: children, and the next one of a chain, which keeps the foreign id. */
export async function startedBy(
  deps: EngineDeps,
  effects: readonly Effect[],
  starter: Starter,
): Promise<NewInstance[]> {
  const started: NewInstance[] = [];
  const begun = starter.begun ?? { count: 0 };
  for (const effect of effects) {
    if (effect.kind === 'start') started.push(...(await startOne(deps, effect, { ...starter, begun })));
  }
  return started;
}

async function startOne(deps: EngineDeps, effect: StartEffect, starter: Starter): Promise<NewInstance[]> {
  const { workflowId, version, input, parent: activation } = effect;
  const record = await deps.store.getDefinition(workflowId, version, starter.definition.tenant ?? NOBODY);
  // What ends must be able to end: the next of a chain may never have been uploaded, and the trail says that it was not started.
  if (!record && activation === undefined) return [];
  if (!record) throw new MillraceError('internal', `Definition "${workflowId}" is not there any more.`);
  const { foreignId, traceparent, id } = starter;
  return beginInstance(deps, {
    definition: parsed(deps.store, record),
    ref: { id: record.id, version: record.version, ...defined({ tenant: record.tenant }) },
    name: record.name,
    input: readVariables(input),
    foreignId: activation === undefined ? foreignId : undefined,
    parent: activation === undefined ? undefined : { id, activation },
    traceparent,
    begun: starter.begun,
  });
}
