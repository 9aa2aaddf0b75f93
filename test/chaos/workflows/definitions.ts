import type { JobTypes } from './installation.ts';

export const end = { id: 'end', name: 'end', type: 'END' };

export function task(id: string, jobType: string, nextStep: string, more: object = {}) {
  return {
    ...{ id, name: id, type: 'SERVICE_TASK', jobType, nextStep },
    ...{ retryCount: 20, retry: { base_ms: 50, max_ms: 200 }, ...more },
  };
}

/** Everything that an instance can wait for: jobs, branches, a loop, a list, a child, timers, a person, a signal. */
export function definitions({ add, slow, fragile }: JobTypes) {
  const table = {
    hitPolicy: 'SUM',
    rules: [
      { when: ['ten > 10'], set: { fee: 5 } },
      { when: ['n > 1'], set: { fee: 2 } },
    ],
  };
  const late = { type: 'TIMER', duration: 'PT0.2S', interrupting: true, targetStepId: 'ask' };
  const child = { id: 'child', name: 'Child', steps: [task('inner', add, 'end'), end] };
  const chained = { id: 'after', name: 'After', steps: [task('last', add, 'end'), end] };
  const whole = {
    ...{ id: 'whole', name: 'Whole', autoStartNextWorkflow: true, nextWorkflowId: 'after' },
    steps: [
      {
        id: 'fork',
        name: 'fork',
        type: 'PARALLEL_GATEWAY',
        parallelNextSteps: ['a1', 'b1'],
        joinStep: 'join',
      },
      task('a1', slow, 'a2', { payload: { item: 'a1' } }),
      task('a2', slow, 'join', { payload: { item: 'a2' } }),
      task('b1', slow, 'join', {
        forEach: { items: '[1, 2, 3]', as: 'item', concurrency: 2 },
        output: 'list',
      }),
      { id: 'join', name: 'join', type: 'JOIN_GATEWAY', nextStep: 'again' },
      task('again', add, 'enough'),
      {
        id: 'enough',
        name: 'enough',
        type: 'DECISION',
        conditionalNextSteps: { 'n < 4': 'again', true: 'shape' },
      },
      {
        ...{ id: 'shape', name: 'shape', type: 'TRANSFORMATION', nextStep: 'rate' },
        transformations: { ten: '${n * 10}' },
      },
      { id: 'rate', name: 'rate', type: 'DECISION_TABLE', table, nextStep: 'sub' },
      { id: 'sub', name: 'sub', type: 'CHILD_WORKFLOW', workflowId: 'child', nextStep: 'rest' },
      { id: 'rest', name: 'rest', type: 'SLEEP', duration: 'PT0.1S', nextStep: 'wait' },
      { id: 'wait', name: 'wait', type: 'WAIT', nextStep: 'end', boundaryEvents: [late] },
      { id: 'ask', name: 'ask', type: 'USER_TASK', nextStep: 'go' },
      { id: 'go', name: 'go', type: 'WAIT', nextStep: 'end' },
      end,
    ],
  };
  const mended = { id: 'mended', name: 'Mended', steps: [task('try', fragile, 'end'), end] };
  const stopped = {
    ...{ id: 'stopped', name: 'Stopped' },
    steps: [task('s1', slow, 's2'), task('s2', slow, 's3'), task('s3', slow, 'end'), end],
  };
  return [child, chained, whole, mended, stopped];
}

/** The next version of the whole: those that run keep theirs. */
export function upgraded(types: JobTypes) {
  const [, , whole] = definitions(types);
  return {
    ...whole,
    steps: whole?.steps
      .filter(({ id }) => id !== 'rate')
      .map((step) => (step.id === 'shape' ? { ...step, nextStep: 'sub' } : step)),
  };
}

const STEPS = [
  ...[
    'fork',
    'a1',
    'a2',
    'b1',
    'join',
    'again',
    'enough',
    'again',
    'enough',
    'again',
    'enough',
    'again',
    'enough',
  ],
  ...['shape', 'rate', 'sub', 'rest', 'wait', 'ask', 'go', 'end'],
].sort();
/** Of the whole, by version. */
export const STEPS_OF = [STEPS, STEPS.filter((step) => step !== 'rate')];
