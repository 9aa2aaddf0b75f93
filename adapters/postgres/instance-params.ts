import type { InstanceWrites, NewInstance } from '../../engine/commit.ts';

/** What instances write, as rows for json_to_recordset. Times of decisions go as milliseconds, as the state has them. */

export function newInstanceRow(instance: NewInstance, unit: number) {
  return {
    unit,
    id: instance.id,
    name: instance.name,
    foreign_id: instance.foreignId,
    definition_id: instance.definition.id,
    definition_version: instance.definition.version,
    definition_tenant: instance.definition.tenant,
    status: instance.status,
    state: JSON.stringify(instance.state),
    variables: instance.variables,
    current_step: instance.currentStep,
    total_steps: instance.totalSteps,
    failure_reason: instance.failureReason,
    parent_id: instance.parent?.id,
    parent_activation: instance.parent?.activation,
    traceparent: instance.traceparent,
    due_at: instance.dueAt,
    created_at: instance.createdAt,
  };
}

/** Everything beside the instance's own row, of one kind after the other. */
export function instanceTrailRows(id: string, writes: InstanceWrites, unit: number) {
  const history = writes.history.map(({ startedAt, endedAt, ...entry }) => ({
    ...{ unit, kind: 'history', instance_id: id, ...entry },
    started_at: new Date(startedAt),
    ended_at: new Date(endedAt),
  }));
  const tasks = (writes.openTasks ?? []).map((task) => ({ unit, kind: 'task', instance_id: id, ...task }));
  const messages = (writes.tell ?? []).map(({ to, text }) => ({
    ...{ unit, kind: 'message', message: text },
    ...('id' in to
      ? { instance_id: to.id }
      : { parent_id: to.childOf.id, activation: to.childOf.activation }),
  }));
  return [...history, ...tasks, ...messages].map((row, place) => ({ ...row, place }));
}

/** Each once, however many begin with it. */
export function inlineDefinitionRows(instances: readonly NewInstance[]) {
  const inline = instances.flatMap((instance) => (instance.inline ? [instance.inline] : []));
  const each = new Map(inline.map((definition) => [definition.ref.id, definition]));
  return [...each.values()].map(({ ref, name, document, hash }) => ({
    ...{ ...ref, name, document },
    hash: hash.toString('base64'),
  }));
}
