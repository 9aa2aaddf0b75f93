import { type Step, successors } from './definition.ts';

/** What is wrong with one step by itself, and with the steps it names. */
export function stepFaults(step: Step, steps: ReadonlyMap<string, Step>): string[] {
  if (step.id === '') return [];
  const at = `step "${step.id}"`;
  const faults = step.name === '' ? [`${at}: name is required`] : [];
  faults.push(...requiredFaults(step).map((fault) => `${at} (${step.type}): ${fault}`));
  faults.push(...misplacedFaults(step).map((fault) => `${at} (${step.type}): ${fault}`));
  const named: [string, string | undefined][] = [
    ['nextStep', step.nextStep],
    ...step.branches.map(({ to }): [string, string] => ['conditionalNextSteps target', to]),
    ['joinStep', step.joinStep],
    ...step.parallelNextSteps.map((to): [string, string] => ['parallelNextSteps', to]),
    ...step.timers.map(({ target }, index): [string, string] => [
      `boundaryEvents[${index}].targetStepId`,
      target,
    ]),
  ];
  for (const [field, target] of named) {
    if (target !== undefined && !steps.has(target)) {
      faults.push(`${at} ${field} references unknown step "${target}"`);
    }
  }
  const join = step.type === 'PARALLEL_GATEWAY' && step.joinStep ? steps.get(step.joinStep) : undefined;
  if (join && join.type !== 'JOIN_GATEWAY') {
    faults.push(`${at} joinStep "${join.id}" is a ${join.type}, not a JOIN_GATEWAY`);
  }
  return faults;
}

function requiredFaults(step: Step): string[] {
  const nextStep = step.nextStep === undefined ? ['nextStep is required'] : [];
  switch (step.type) {
    case 'SERVICE_TASK':
      return [...(step.jobType ? [] : ['jobType is required']), ...wayOn(step)];
    case 'USER_TASK':
    case 'DECISION_TABLE':
      return [
        ...(step.type === 'DECISION_TABLE' && !step.table ? ['table is required'] : []),
        ...wayOn(step),
      ];
    case 'CHILD_WORKFLOW':
      return [...(step.child ? [] : ['workflowId is required']), ...wayOn(step)];
    case 'DECISION':
      return step.branches.length === 0 ? ['conditionalNextSteps must not be empty'] : [];
    case 'TRANSFORMATION':
      return [
        ...nextStep,
        ...(step.transformations.length === 0 ? ['transformations must not be empty'] : []),
      ];
    case 'WAIT':
    case 'JOIN_GATEWAY':
      return nextStep;
    case 'SLEEP':
      return [...nextStep, ...(step.durationMs === undefined ? ['duration is required'] : [])];
    case 'PARALLEL_GATEWAY':
      return [
        ...(step.parallelNextSteps.length < 2 ? ['parallelNextSteps must have at least 2 entries'] : []),
        ...(step.joinStep === undefined ? ['joinStep is required'] : []),
      ];
    case 'END':
      return successors(step).length > 0 ? ['leads to another step, and nothing comes after an END'] : [];
    default:
      return step.type satisfies never;
  }
}

/** A step without one would leave its instance open for ever. */
function wayOn({ nextStep, branches }: Step): string[] {
  if (nextStep !== undefined) return [];
  return branches.length > 0
    ? ['nextStep is required: an instance could not go on where no condition holds']
    : ['nextStep is required: an instance could not go on from here'];
}

const TAKES_TIME = new Set(['SERVICE_TASK', 'USER_TASK', 'WAIT', 'CHILD_WORKFLOW']);

/** What would be without effect on a step of this type. */
function misplacedFaults(step: Step): string[] {
  const faults: string[] = [];
  const only = (given: boolean, field: string, takes: string) => {
    if (given) faults.push(`${field} has no effect here: it belongs to ${takes}`);
  };
  const { type } = step;
  only(step.timers.length > 0 && !TAKES_TIME.has(type), 'boundaryEvents', 'a step that takes time');
  only(step.timeoutMs !== undefined && !TAKES_TIME.has(type), 'timeout', 'a step that takes time');
  only(step.forEach !== undefined && type !== 'SERVICE_TASK', 'forEach', 'SERVICE_TASK');
  only(step.compensation !== undefined && type !== 'SERVICE_TASK', 'compensation', 'SERVICE_TASK');
  only(step.table !== undefined && type !== 'DECISION_TABLE', 'table', 'DECISION_TABLE');
  only(step.durationMs !== undefined && type !== 'SLEEP', 'duration', 'SLEEP');
  only(step.child !== undefined && type !== 'CHILD_WORKFLOW', 'workflowId', 'CHILD_WORKFLOW');
  const forksOtherwise = step.parallelNextSteps.length > 0 && type !== 'PARALLEL_GATEWAY';
  only(forksOtherwise, 'parallelNextSteps', 'PARALLEL_GATEWAY');
  return faults;
}
