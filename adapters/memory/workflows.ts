import type { InstanceChange, InstanceWrites, NewInstance } from '../../engine/commit.ts';
import type { Clock } from '../../engine/ports/clock.ts';
import type { DefinitionPageFilter, InstancePageFilter, Paged } from '../../engine/ports/paged-reads.ts';
import type {
  DefinitionFilter,
  DueInstance,
  InstanceFilter,
  InstanceSummary,
  NewDefinition,
  UserTask,
  UserTaskFilter,
} from '../../engine/ports/record-store.ts';
import type { DefinitionRecord } from '../../engine/workflow/definitions.ts';
import type { HistoryEntry } from '../../engine/workflow/effects.ts';
import { isInline } from '../../engine/workflow/inline-definition.ts';
import type { InstanceRecord } from '../../engine/workflow/instance-record.ts';
import type { InstanceId } from '../../events/ids.ts';

type StoredDefinition = DefinitionRecord & { readonly hash: Buffer };

interface Message {
  readonly id: string;
  readonly to: InstanceId;
  readonly text: string;
}

/** Definitions, instances and what belongs to them: a part of the memory store. */
export class MemoryWorkflows {
  readonly instances = new Map<InstanceId, InstanceRecord>();
  readonly #clock: Pick<Clock, 'now'>;
  #definitions: StoredDefinition[] = [];
  readonly #due = new Map<InstanceId, Date>();
  readonly #history = new Map<InstanceId, HistoryEntry[]>();
  #tasks: UserTask[] = [];
  #messages: Message[] = [];
  #lastMessage = 0;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  begin(instance: NewInstance): void {
    const now = this.#clock.now();
    const { id, name, foreignId = null, definition, inline, parent = null } = instance;
    const { status, state, variables, currentStep, totalSteps, failureReason, createdAt } = instance;
    if (inline) this.putDefinition({ ...inline, id: inline.ref.id });
    this.instances.set(id, {
      ...{ id, name, foreignId, definition, parent, status, state, variables },
      ...{ currentStep, totalSteps, failureReason, createdAt },
      traceparent: instance.traceparent ?? null,
      version: 1,
      updatedAt: now,
      completedAt: hasStopped(status) ? now : null,
      loadedAt: now,
    });
    this.#writeBeside(id, instance);
  }

  change(instance: InstanceRecord, change: InstanceChange): void {
    const now = this.#clock.now();
    const { id, status, state, currentStep, failureReason, variables = instance.variables } = change;
    this.instances.set(id, {
      ...{ ...instance, status, state, currentStep, failureReason, variables },
      version: instance.version + 1,
      updatedAt: now,
      completedAt: hasStopped(status) ? (instance.completedAt ?? now) : null,
    });
    const { closeTasks = [], message } = change;
    this.#tasks = this.#tasks.filter(
      ({ instanceId, activation }) => instanceId !== id || !closeTasks.includes(activation),
    );
    this.#messages = this.#messages.filter((other) => other.id !== message);
    this.#writeBeside(id, change);
  }

  /** As it stands, read now. */
  load(id: InstanceId): InstanceRecord | undefined {
    const instance = this.instances.get(id);
    return instance && { ...instance, loadedAt: this.#clock.now() };
  }

  historyOf(id: InstanceId): HistoryEntry[] {
    return this.#history.get(id) ?? [];
  }

  remove(id: InstanceId): void {
    const definition = this.instances.get(id)?.definition;
    this.instances.delete(id);
    const isUsed = [...this.instances.values()].some((other) => other.definition.id === definition?.id);
    if (definition && isInline(definition) && !isUsed) {
      this.#definitions = this.#definitions.filter((other) => other.id !== definition.id);
    }
    this.#due.delete(id);
    this.#history.delete(id);
    this.#tasks = this.#tasks.filter(({ instanceId }) => instanceId !== id);
    this.#messages = this.#messages.filter(({ to }) => to !== id);
  }

  due(limit: number): DueInstance[] {
    const now = this.#clock.now();
    const told = new Map(this.#messages.toReversed().map((message) => [message.to, message]));
    const late = [...this.#due]
      .filter(([, at]) => at <= now)
      .sort(([, a], [, b]) => a.getTime() - b.getTime());
    const ids = new Set([...told.keys(), ...late.map(([id]) => id)]);
    return [...ids].slice(0, limit).flatMap((id): DueInstance[] => {
      const instance = this.load(id);
      return instance ? [{ instance, message: told.get(id) }] : [];
    });
  }

  nextDueMs(): number | undefined {
    if (this.#messages.some(({ to }) => this.instances.has(to))) return 0;
    if (this.#due.size === 0) return undefined;
    const soonest = Math.min(...[...this.#due.values()].map((at) => at.getTime()));
    return Math.max(0, soonest - this.#clock.now().getTime());
  }

  getDefinition(id: string, version?: number): DefinitionRecord | undefined {
    return this.#definitions.findLast(
      (definition) => definition.id === id && (version === undefined || definition.version === version),
    );
  }

  putDefinition(definition: NewDefinition): DefinitionRecord {
    const versions = this.#definitions.filter(({ id }) => id === definition.id);
    const known = versions.find(({ hash }) => hash.equals(definition.hash));
    if (known) return known;
    const stored = { ...definition, version: versions.length + 1, uploadedAt: this.#clock.now() };
    this.#definitions.push(stored);
    return stored;
  }

  listDefinitions({ keyword, after, limit }: DefinitionFilter): DefinitionRecord[] {
    const latest = new Map(this.#definitions.map((definition) => [definition.id, definition]));
    const has = (text: string) => text.toLowerCase().includes((keyword ?? '').toLowerCase());
    return [...latest.values()]
      .filter((definition) => !isInline(definition))
      .filter(({ id, name }) => (has(id) || has(name)) && (after === undefined || id > after))
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, limit);
  }

  listUserTasks({ instanceId, step, limit }: UserTaskFilter): UserTask[] {
    return this.#tasks
      .filter(
        (task) =>
          (instanceId === undefined || task.instanceId === instanceId) &&
          (step === undefined || task.step === step),
      )
      .slice(0, limit);
  }

  list(filter: InstanceFilter): InstanceSummary[] {
    return [...this.instances.values()]
      .filter((instance) => matches(instance, filter))
      .sort((a, b) => (a.id < b.id ? 1 : -1))
      .slice(0, filter.limit)
      .map(summaryOf);
  }

  page(filter: InstancePageFilter): Paged<InstanceRecord> {
    const { definitionId, foreignId, statuses, waiting, offset, limit } = filter;
    const found = [...this.instances.values()]
      .filter(
        (instance) =>
          (definitionId === undefined || instance.definition.id === definitionId) &&
          (foreignId === undefined || instance.foreignId === foreignId) &&
          (statuses === undefined || statuses.includes(instance.status)) &&
          (waiting === undefined || this.#isWaiting(instance) === waiting),
      )
      .sort((a, b) => (a.id < b.id ? 1 : -1));
    return { items: found.slice(offset, offset + limit), total: found.length };
  }

  pageDefinitions({ keyword, offset, limit }: DefinitionPageFilter): Paged<DefinitionRecord> {
    const found = this.listDefinitions({ keyword, limit: Number.POSITIVE_INFINITY });
    return { items: found.slice(offset, offset + limit), total: found.length };
  }

  #isWaiting({ definition, state }: InstanceRecord): boolean {
    const document = this.getDefinition(definition.id, definition.version)?.document ?? '{"steps":[]}';
    const { steps } = JSON.parse(document) as { steps: readonly { id: string; type: string }[] };
    const waits = steps.filter(({ type }) => type === 'USER_TASK' || type === 'WAIT').map(({ id }) => id);
    return state.tokens.some(({ step }) => waits.includes(step));
  }

  #writeBeside(id: InstanceId, writes: InstanceWrites): void {
    if (writes.dueAt) this.#due.set(id, writes.dueAt);
    else this.#due.delete(id);
    this.#history.set(id, [...this.historyOf(id), ...writes.history]);
    const openedAt = this.#clock.now();
    for (const task of writes.openTasks ?? []) {
      const { name: workflow = '', foreignId = null } = this.instances.get(id) ?? {};
      this.#tasks.push({ ...task, instanceId: id, workflow, foreignId, openedAt });
    }
    for (const { to, text } of writes.tell ?? []) {
      const target = 'id' in to ? to.id : this.#childOf(to.childOf);
      if (target === undefined) continue;
      this.#lastMessage += 1;
      this.#messages.push({ id: String(this.#lastMessage), to: target, text });
    }
  }

  #childOf({ id, activation }: { readonly id: InstanceId; readonly activation: number }) {
    return [...this.instances.values()].find(
      ({ parent }) => parent?.id === id && parent.activation === activation,
    )?.id;
  }
}

function hasStopped(status: InstanceRecord['status']): boolean {
  return status !== 'running' && status !== 'paused';
}

function matches(instance: InstanceRecord, { status, name, foreignId, before }: InstanceFilter): boolean {
  return (
    (status === undefined || instance.status === status) &&
    (name === undefined || instance.name === name) &&
    (foreignId === undefined || instance.foreignId === foreignId) &&
    (before === undefined || instance.id < before)
  );
}

function summaryOf(instance: InstanceRecord): InstanceSummary {
  const { state, variables, parent, traceparent, version, loadedAt, ...summary } = instance;
  return summary;
}
