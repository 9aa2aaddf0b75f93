import type { Handlers } from './worker.ts';

export interface WorkflowDocument {
  readonly id: string;
  readonly name: string;
  readonly steps: readonly Readonly<Record<string, unknown>>[];
}

export const handlers: Handlers = {
  'step-one': () => ({ one: true }),
  'step-two': ({ variables }) => ({ two: variables['one'] === true }),
  'credit-check': ({ variables }) => ({ creditScore: variables['score'] ?? 720 }),
  'fraud-check': ({ variables }) => ({ fraudScore: variables['fraud'] ?? 5 }),
  'flaky-task': ({ retriesRemaining }) => {
    if (retriesRemaining === 2) throw new Error('not the first time');
    return { recovered: true };
  },
  'always-fails': () => {
    throw new Error('it never works');
  },
  fragile: ({ variables }) => {
    if (variables['mended'] !== true) throw new Error('it is broken!');
    return { whole: true };
  },
  'slow-task': async (_, signal) => {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    return {};
  },
};

export const end = { id: 'end', name: 'End', type: 'END' };
let count = 0;

/** A definition of its own, with an END. */
export function definition(steps: readonly Readonly<Record<string, unknown>>[], head: object = {}) {
  count += 1;
  const named = steps.map((step) => ({ name: step['id'], ...step }));
  return { id: `flow::${count}`, name: `Flow ${count}`, steps: [...named, end], ...head };
}

export function task(id: string, nextStep: string, more: object = {}) {
  return { id, type: 'SERVICE_TASK', jobType: id, nextStep, ...more };
}

/** Credit and fraud are checked side by side; a person decides what the scores leave open. */
export const loanApproval = (id: string) => ({
  id,
  name: 'Loan application',
  steps: [
    {
      id: 'checks',
      name: 'Checks',
      type: 'PARALLEL_GATEWAY',
      parallelNextSteps: ['credit-check', 'fraud-check'],
      joinStep: 'checked',
    },
    { name: 'Credit', ...task('credit-check', 'checked') },
    { name: 'Fraud', ...task('fraud-check', 'checked') },
    { id: 'checked', name: 'Checked', type: 'JOIN_GATEWAY', nextStep: 'decide' },
    {
      id: 'decide',
      name: 'Decide',
      type: 'DECISION',
      conditionalNextSteps: {
        'fraudScore > 50': 'reject',
        'creditScore >= 700 && amount < 100000000': 'approve',
        'creditScore < 500': 'reject',
        'true == true': 'review',
      },
    },
    { id: 'review', name: 'Review', type: 'USER_TASK', nextStep: 'approve' },
    {
      id: 'approve',
      name: 'Approve',
      type: 'TRANSFORMATION',
      transformations: { decision: 'approved' },
      nextStep: 'end',
    },
    {
      id: 'reject',
      name: 'Reject',
      type: 'TRANSFORMATION',
      transformations: { decision: 'rejected' },
      nextStep: 'end',
    },
    end,
  ],
});
