import type { JobHandler, ResultOf } from './define.ts';

/** A step as the definition's JSON has it: docs/guide/workflows.md lists the fields of each type. */
export interface GraphStep {
  readonly id: string;
  readonly type: string;
  readonly name?: string;
  readonly nextStep?: string;
  readonly [field: string]: unknown;
}

export interface TaskOptions<Handler> {
  /** The job type. */
  readonly job: string;
  /** The job's handler, from whose type the step's output gets its own. */
  readonly handler?: Handler;
  readonly payload?: Readonly<Record<string, unknown>>;
  readonly name?: string;
  readonly retryCount?: number;
  readonly retry?: Readonly<Record<string, number>>;
  /** ISO 8601: the step has failed when it takes longer. */
  readonly timeout?: string;
  /** The job type that undoes this step when the workflow fails later. */
  readonly compensation?: { readonly jobType: string; readonly retryCount?: number };
}

/** What the steps of a workflow put out, by step: the type of `outputs` in the payloads of later ones. */
export type OutputsOf<Defined> = Defined extends Workflow<infer Outputs> ? Outputs : never;

/** Begins a workflow definition. `version` is one's own: the server numbers the versions that differ. */
// biome-ignore lint/complexity/noBannedTypes: no output is there before the first step
export function defineWorkflow(id: string, version = 1): Workflow<{}> {
  return new Workflow({ id, name: id, version }, []);
}

/** A workflow definition that is being written; each method gives a new one. */
export class Workflow<Outputs> {
  readonly #head: Readonly<Record<string, unknown>>;
  readonly #steps: readonly GraphStep[];
  /** Only a type. */
  declare readonly outputs: Outputs;

  constructor(head: Readonly<Record<string, unknown>>, steps: readonly GraphStep[]) {
    this.#head = head;
    this.#steps = steps;
  }

  /** A service task after the one before. Its job gets `payload`, and under `outputs` what the earlier steps returned. */
  step<const Id extends string, Handler extends JobHandler<never, unknown> = JobHandler>(
    id: Id,
    { job: jobType, handler: _, payload = {}, ...options }: TaskOptions<Handler>,
  ): Workflow<Outputs & { readonly [key in Id]: ResultOf<Handler> }> {
    const step = { id, type: 'SERVICE_TASK', jobType, payload, output: id, ...options };
    return new Workflow(this.#head, [...this.#steps, step]);
  }

  /** A step of any type, as JSON. Without `nextStep`, those that need one go on to the step written after them. */
  add(step: GraphStep): Workflow<Outputs> {
    return new Workflow(this.#head, [...this.#steps, step]);
  }

  /** Another workflow that starts with the variables of this one when it has ended. */
  next(workflowId: string): Workflow<Outputs> {
    const head = { ...this.#head, autoStartNextWorkflow: true, nextWorkflowId: workflowId };
    return new Workflow(head, this.#steps);
  }

  /** The definition, as `POST /api/v1/definitions` takes it: an END comes after the last step unless there is one. */
  toJSON(): { readonly id: string; readonly steps: readonly GraphStep[] } {
    const hasEnd = this.#steps.some(({ type }) => type === 'END');
    const steps = hasEnd ? this.#steps : [...this.#steps, { id: 'end', type: 'END' }];
    const linked = steps.map((step, index) => {
      const named = { name: step.id, ...step };
      const following = steps[index + 1]?.id;
      const finds = 'nextStep' in step || 'conditionalNextSteps' in step || BRANCHES.has(step.type);
      return finds || following === undefined ? named : { ...named, nextStep: following };
    });
    return { ...this.#head, id: String(this.#head['id']), steps: linked };
  }
}

const BRANCHES = new Set(['END', 'PARALLEL_GATEWAY']);
