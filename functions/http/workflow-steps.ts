import { hasUnstorableEscape, rawElements, rawMembers } from '../../engine/raw-json.ts';
import type { InlineStep } from '../../engine/workflow/inline-definition.ts';
import type { StepId } from '../../events/ids.ts';
import { type FieldFault, invalidRequest } from './problem.ts';
import type { InlineWorkflowBody } from './workflow-requests.ts';

/**
 * The steps of a workflow request, with their payloads as sent.
 * @throws MillraceError `invalid_request` for what a schema cannot say
 */
export function toSteps(body: InlineWorkflowBody, text: string): [InlineStep, ...InlineStep[]] {
  const raw = rawElements(rawMembers(text).get('steps') ?? '[]');
  const steps = body.steps.map((step, index): InlineStep => {
    const payload = rawMembers(raw[index] ?? '{}').get('payload') ?? '{}';
    const { name, max_retries, retry } = step;
    return { name, type: step.type as StepId, payload, max_retries, ...(retry ? { retry } : {}) };
  });
  const faults = steps.flatMap((step, index) => faultsOf(step, index, steps));
  if (faults.length > 0) throw invalidRequest(faults);
  const [first, ...others] = steps;
  if (!first) throw invalidRequest([{ field: 'steps', message: 'is required' }]);
  return [first, ...others];
}

function faultsOf(step: InlineStep, index: number, steps: readonly InlineStep[]): FieldFault[] {
  const faults: FieldFault[] = [];
  const field = `steps[${index}]`;
  const earlier = steps.findIndex(({ name }) => name === step.name);
  if (earlier < index) {
    faults.push({ field: `${field}.name`, message: `"${step.name}" is the name of steps[${earlier}] too` });
  }
  if (rawMembers(step.payload).has('outputs')) {
    const message = 'is where the outputs of earlier steps are put: name it differently';
    faults.push({ field: `${field}.payload.outputs`, message });
  }
  if (hasUnstorableEscape(step.payload)) {
    // The database reads the steps to bring their payloads back, unlike a job's payload, which it only keeps.
    faults.push({ field: `${field}.payload`, message: 'has a NUL or half of a surrogate pair in a string' });
  }
  return faults;
}
