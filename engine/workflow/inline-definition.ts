import type { StepId } from '../../events/ids.ts';
import type { RetrySettings } from '../retry-policy.ts';
import type { DefinitionRef } from './instance-record.ts';

/** A step of a workflow that is sent with its steps instead of naming a definition. */
export interface InlineStep {
  readonly name: string;
  readonly type: StepId;
  /** JSON text of an object. */
  readonly payload: string;
  readonly max_retries: number;
  readonly retry?: RetrySettings | undefined;
}

/** What it runs where no definition is named. */
export interface InlineDefinition {
  readonly ref: DefinitionRef;
  readonly name: string;
  /** JSON text. */
  readonly document: string;
  readonly hash: Buffer;
}

/** No uploaded definition can have it in its id. */
const PREFIX = 'inline/';

/** The chain under an id made from its content: the same steps again are the same definition. */
export function inlineDefinition(
  name: string,
  { steps, hash: hashOf }: { readonly steps: readonly InlineStep[]; readonly hash: (text: string) => Buffer },
): InlineDefinition {
  const document = inlineDocument(name, steps);
  const hash = hashOf(document);
  return { ref: { id: `${PREFIX}${hash.toString('base64url')}`, version: 1 }, name, document, hash };
}

export function isInline({ id }: Pick<DefinitionRef, 'id'>): boolean {
  return id.startsWith(PREFIX);
}

/** The definition of a chain of service tasks, each with the results of the earlier ones under `outputs`. */
export function inlineDocument(name: string, steps: readonly InlineStep[]): string {
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
