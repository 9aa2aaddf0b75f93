import type { StepId } from '../../events/ids.ts';
import type { RetrySettings } from '../retry-policy.ts';

/** A step of a workflow that is sent with its steps instead of naming a definition. */
export interface InlineStep {
  readonly name: string;
  readonly type: StepId;
  /** JSON text of an object. */
  readonly payload: string;
  readonly max_retries: number;
  readonly retry?: RetrySettings | undefined;
}

/** The definition of a chain of service tasks, each with the results of the earlier ones under `outputs`. */
export function inlineDefinition(name: string, steps: readonly InlineStep[]): string {
  const names = new Set(steps.map((step) => step.name));
  let end = 'end';
  while (names.has(end)) end += '_';
  const documents = steps.map((step, index) => {
    const { type: jobType, max_retries: retryCount, retry } = step;
    const nextStep = steps[index + 1]?.name ?? end;
    const output = step.name;
    const fields = { id: step.name, name: step.name, type: 'SERVICE_TASK', jobType, retryCount, retry };
    return `${JSON.stringify({ ...fields, nextStep, output }).slice(0, -1)},"payload":${step.payload}}`;
  });
  const last = JSON.stringify({ id: end, name: end, type: 'END' });
  return `{"id":"inline","name":${JSON.stringify(name)},"steps":[${[...documents, last].join(',')}]}`;
}
