import type { Definition, Step } from './definition.ts';
import type { Effect, HistoryEntry } from './effects.ts';
import type { Entry, FailedEntry, Fork, Instance, InstanceState, InstanceStatus, Token } from './state.ts';
import { mergeVariables, type Variables, variablesFault } from './variables.ts';

/** An instance while a decision is being made about it: only ever seen by that one call. */
export class Draft {
  readonly definition: Definition;
  readonly now: Date;
  readonly effects: Effect[] = [];
  readonly history: HistoryEntry[] = [];
  /** Steps to be entered before the decision is done, in this order. */
  readonly queue: Entry[] = [];
  readonly tokens: Map<number, Token>;
  readonly forks: Map<number, Fork>;
  held: Entry[];
  failed: FailedEntry[];
  early: InstanceState['early'][number][];
  undo: string[];
  undoing: string | undefined;
  status: InstanceStatus;
  failureReason: string | null;
  variables: Variables;
  #next: number;

  constructor(definition: Definition, { status, failureReason, variables, state }: Instance, now: Date) {
    this.definition = definition;
    this.now = now;
    this.status = status;
    this.failureReason = failureReason;
    this.variables = variables;
    this.#next = state.next;
    this.tokens = new Map(state.tokens.map((token) => [token.activation, token]));
    this.forks = new Map(state.forks.map((fork) => [fork.id, fork]));
    this.held = [...state.held];
    this.failed = [...state.failed];
    this.early = [...state.early];
    this.undo = [...state.undo];
    this.undoing = state.undoing;
  }

  get instance(): Instance {
    const { status, failureReason, variables, held, failed, early, undo, undoing } = this;
    const [tokens, forks] = [[...this.tokens.values()], [...this.forks.values()]];
    const state = { next: this.#next, tokens, forks, held, failed, early, undo };
    return { status, failureReason, variables, state: undoing === undefined ? state : { ...state, undoing } };
  }

  /** The step, which the definition has: what an instance stands on was entered under the same version. */
  step(id: string): Step {
    const step = this.definition.steps.get(id);
    if (!step) throw new Error(`Step "${id}" is not in definition "${this.definition.id}".`);
    return step;
  }

  activate(): number {
    this.#next += 1;
    return this.#next - 1;
  }

  /** @returns why the variables cannot be added, having left them as they were */
  merge(added: Variables): string | undefined {
    const merged = mergeVariables(this.variables, added);
    const fault = merged === this.variables ? undefined : variablesFault(merged);
    if (fault === undefined) this.variables = merged;
    return fault;
  }

  /** Keeps the step as one that is under way. */
  open(token: Token): void {
    this.tokens.set(token.activation, token);
  }

  /** The step is no longer under way; its timers go with it. */
  close(token: Token, status: HistoryEntry['status'], reason?: string): void {
    this.tokens.delete(token.activation);
    const step = this.step(token.step);
    if (step.type === 'USER_TASK') this.effects.push({ kind: 'closeTask', activation: token.activation });
    if (status !== 'completed') this.#abandon(token, step);
    this.record(token, status, reason);
  }

  /** The job has ended by itself: there is nothing left of it to be cancelled. */
  settled(activation: number): void {
    const index = this.effects.findIndex(
      (effect) => effect.kind === 'cancelJob' && effect.activation === activation,
    );
    if (index !== -1) this.effects.splice(index, 1);
  }

  /** Ends all that is under way. */
  closeAll(reason: string): void {
    for (const token of this.tokens.values()) this.close(token, 'cancelled', reason);
    this.queue.length = 0;
    this.held = [];
    this.forks.clear();
  }

  /** What the token stands for has ended. */
  record(
    token: Pick<Token, 'activation' | 'step' | 'since' | 'undo'>,
    status: HistoryEntry['status'],
    reason?: string,
  ): void {
    const { activation, step, since, undo } = token;
    this.history.push({
      activation,
      step,
      type: status === 'fired' ? 'TIMER' : undo ? 'COMPENSATION' : this.step(step).type,
      status,
      startedAt: since,
      endedAt: this.now.getTime(),
      ...(reason === undefined ? {} : { reason }),
    });
  }

  #abandon(token: Token, { type }: Step): void {
    const activations = token.each ? token.each.open.map(({ activation }) => activation) : [token.activation];
    if (type === 'SERVICE_TASK' && activations.length > 0) {
      this.effects.push(...activations.map((activation): Effect => ({ kind: 'cancelJob', activation })));
    }
    if (type === 'CHILD_WORKFLOW') {
      this.effects.push({ kind: 'cancelChild', activation: token.activation });
    }
  }
}
