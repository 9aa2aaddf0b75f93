import type { WorkflowRequest } from '../../engine/commands/start-workflow.ts';
import { hasUnstorableEscape, rawElements, rawMembers } from '../../engine/raw-json.ts';
import type { InlineStep } from '../../engine/workflow/inline-definition.ts';
import type { StepId } from '../../events/ids.ts';
import { type FieldFault, invalidRequest } from './problem.ts';
import type { InlineWorkflowBody, WorkflowBody } from './workflow-requests.ts';

/**
 * What a workflow request asks for, with payloads and input as sent. `at` leads to it in a batch.
 * @throws MillraceError `invalid_request` for what a schema cannot say
 */
export function toWorkflowRequest(body: WorkflowBody, text: string, at = ''): WorkflowRequest {
  const { foreign_id: foreignId } = body;
  if ('steps' in body) return { foreignId, name: body.name, steps: toSteps(body, text, at) };
  const { definition, version } = body;
  return { foreignId, definition, version, input: rawMembers(text).get('input') ?? '{}' };
}

/** For which there must be handlers; those of a definition were looked at when it was uploaded. */
export function typesOf(request: WorkflowRequest): StepId[] {
  return 'steps' in request ? request.steps.map(({ type }) => type) : [];
}

export function nameOf(request: WorkflowRequest): string {
  return 'steps' in request ? request.name : request.definition;
}

function toSteps(body: InlineWorkflowBody, text: string, at: string): [InlineStep, ...InlineStep[]] {
  const raw = rawElements(rawMembers(text).get('steps') ?? '[]');
  const steps = body.steps.map((step, index): InlineStep => {
    const sent = rawMembers(raw[index] ?? '{}').get('payload') ?? '{}';
    const payload = sent.trim() === 'null' ? '{}' : sent;
    const { name, max_retries, retry } = step;
    return { name, type: step.type as StepId, payload, max_retries, ...(retry ? { retry } : {}) };
  });
  const faults = steps.flatMap((step, index) => faultsOf(step, index, steps));
  if (faults.length > 0)
    throw invalidRequest(faults.map(({ field, message }) => ({ field: `${at}${field}`, message })));
  const [first, ...others] = steps;
  if (!first) throw invalidRequest([{ field: `${at}steps`, message: 'is required' }]);
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
