import { describe, expect, test } from 'vitest';
import { end, faultsOf, graph, task } from './graphs.ts';

const fork = { id: 'fork', type: 'PARALLEL_GATEWAY', parallelNextSteps: ['a', 'b'], joinStep: 'join' };
const join = { id: 'join', type: 'JOIN_GATEWAY', nextStep: 'end' };
const timer = { type: 'TIMER', duration: 'PT1S', targetStepId: 'end' };

/** One graph for each fault: what is wrong with it is all that is said. */
const invalid: readonly [fault: string, text: string][] = [
  ['id is required', graph([end], { id: '' })],
  ['id must be ≤ 256 characters, got 300', graph([end], { id: 'x'.repeat(300) })],
  ['id "a b" must match ^[A-Za-z0-9_:\\-]+$', graph([end], { id: 'a b' })],
  ['name is required', graph([end], { name: '' })],
  ['steps must not be empty', graph([])],
  [
    'nextWorkflowId is required when autoStartNextWorkflow is true',
    graph([end], { autoStartNextWorkflow: true }),
  ],
  ['unknown field "stepz"', graph([end], { stepz: [] })],
  ['name must be a string', graph([end], { name: 7 }).replace('"name":7', '"name":7')],
  ['step[0] id is required', graph([{ type: 'END', name: 'x' }])],
  ['duplicate step id: "end"', graph([end, end])],
  ['step "end": name is required', graph([{ ...end, name: '' }])],
  ['step "x": unsupported type "T"', graph([{ id: 'x', type: 'T' }])],
  ['step "end" unknown field "nextstep"', graph([{ ...end, nextstep: 'x' }])],
  ['step "a" (SERVICE_TASK): jobType is required', graph([task('a', 'end', { jobType: '' }), end])],
  [
    'step "a" jobType "a b" cannot name a topic: use letters, digits, ".", "_" and "-", at most 200',
    graph([task('a', 'end', { jobType: 'a b' }), end]),
  ],
  [
    'step "a" (SERVICE_TASK): nextStep is required: an instance could not go on from here',
    graph([{ id: 'a', type: 'SERVICE_TASK', jobType: 'a', timeout: 'PT1S', boundaryEvents: [timer] }, end]),
  ],
  [
    'step "a" retryCount must be a whole number from 0 to 1000, got -1',
    graph([task('a', 'end', { retryCount: -1 }), end]),
  ],
  [
    'step "a" (DECISION): conditionalNextSteps must not be empty',
    graph([{ id: 'a', type: 'DECISION', nextStep: 'end' }, end]),
  ],
  [
    'step "a" (TRANSFORMATION): transformations must not be empty',
    graph([{ id: 'a', type: 'TRANSFORMATION', nextStep: 'end' }, end]),
  ],
  ['step "a" (WAIT): nextStep is required', graph([{ id: 'a', type: 'WAIT', boundaryEvents: [timer] }, end])],
  [
    'step "fork" (PARALLEL_GATEWAY): parallelNextSteps must have at least 2 entries',
    graph([{ ...fork, parallelNextSteps: ['a'] }, task('a', 'join'), join, end]),
  ],
  [
    'step "fork" (PARALLEL_GATEWAY): joinStep is required',
    graph([{ ...fork, joinStep: undefined }, task('a', 'join'), task('b', 'join'), join, end]),
  ],
  [
    'step "fork" joinStep "end" is a END, not a JOIN_GATEWAY',
    graph([{ ...fork, joinStep: 'end' }, task('a', 'end'), task('b', 'end'), end]),
  ],
  ['step "a" nextStep references unknown step "y"', graph([task('a', 'y'), end])],
  [
    'step "a" conditionalNextSteps target references unknown step "y"',
    graph([task('a', 'end', { conditionalNextSteps: { true: 'y' } }), end]),
  ],
  [
    'step "a" boundaryEvents[0].targetStepId references unknown step "y"',
    graph([task('a', 'end', { boundaryEvents: [{ ...timer, targetStepId: 'y' }] }), end]),
  ],
  [
    'step "a" boundaryEvents[0]: unsupported type "X" (only TIMER is in scope)',
    graph([task('a', 'end', { boundaryEvents: [{ ...timer, type: 'X' }] }), end]),
  ],
  [
    'step "a" boundaryEvents[0]: duration is required for TIMER events',
    graph([task('a', 'end', { boundaryEvents: [{ ...timer, duration: '' }] }), end]),
  ],
  [
    'step "a" boundaryEvents[0]: targetStepId is required',
    graph([task('a', 'end', { boundaryEvents: [{ ...timer, targetStepId: '' }] }), end]),
  ],
  [
    'step "a" boundaryEvents[0]: "P3M" is not an ISO 8601 duration of weeks, days, hours, minutes and seconds, such as P1DT12H or PT30S',
    graph([task('a', 'end', { boundaryEvents: [{ ...timer, duration: 'P3M' }] }), end]),
  ],
  [
    'step "a" conditionalNextSteps: expression "n >": Expected expression after > at character 3',
    graph([task('a', 'end', { conditionalNextSteps: { 'n >': 'end' } }), end]),
  ],
  ['step "a" is unreachable from the first step', graph([end, task('a', 'end')])],
  ['no END step is reachable from the first step', graph([task('a', 'a')])],
  [
    'step "b" can never come to an END step',
    graph([task('a', 'end', { conditionalNextSteps: { x: 'b' } }), task('b', 'b'), end]),
  ],
  [
    'step "join" (JOIN_GATEWAY): reached from step "a" without its gateway: no branches are open there',
    graph([task('a', 'join'), join, end]),
  ],
  [
    'step "fork" (PARALLEL_GATEWAY): can be reached again before its branches have joined at "join"',
    graph([fork, task('a', 'join', { conditionalNextSteps: { x: 'fork' } }), task('b', 'join'), join, end]),
  ],
  [
    'step "end" (END): leads to another step, and nothing comes after an END',
    graph([{ ...end, nextStep: 'end' }]),
  ],
  [
    'step "end" (END): timeout has no effect here: it belongs to a step that takes time',
    graph([{ ...end, timeout: 'PT1S' }]),
  ],
  [
    'step "a" table: rules must not be empty',
    graph([{ id: 'a', type: 'DECISION_TABLE', nextStep: 'end', table: {} }, end]),
  ],
  [
    'step "a" retry.jitter must be from 0 to 1, got 2',
    graph([task('a', 'end', { retry: { jitter: 2 } }), end]),
  ],
];

describe('a definition is refused', () => {
  test.each(invalid)('%s', (fault, text) => {
    expect(faultsOf(text)).toContain(fault);
  });

  test('with all its faults at once', () => {
    const faults = faultsOf(graph([task('a', 'x', { retryCount: -1 }), task('b', 'y')], { id: '' }));
    expect(faults).toEqual([
      'id is required',
      'step "a" retryCount must be a whole number from 0 to 1000, got -1',
      'step "a" nextStep references unknown step "x"',
      'step "b" nextStep references unknown step "y"',
    ]);
  });
});

test('a definition with everything is accepted', () => {
  const text = graph(
    [
      task('a', 'fork', {
        retryCount: 2,
        retry: { base_ms: 10 },
        timeout: 'P1D',
        boundaryEvents: [timer],
        compensation: { jobType: 'undo' },
      }),
      { ...fork, parallelNextSteps: ['ask', 'table'] },
      { id: 'ask', type: 'USER_TASK', nextStep: 'join' },
      {
        id: 'table',
        type: 'DECISION_TABLE',
        nextStep: 'list',
        table: {
          hitPolicy: 'FIRST',
          rules: [{ when: ['n > 1'], set: { x: '${n}' } }],
          otherwise: { x: null },
        },
      },
      task('list', 'join', { forEach: { items: 'orders', as: 'order', concurrency: 3 } }),
      { ...join, nextStep: 'rest' },
      { id: 'rest', type: 'SLEEP', duration: 'PT5S', nextStep: 'child' },
      { id: 'child', type: 'CHILD_WORKFLOW', workflowId: 'other', nextStep: 'end' },
      end,
    ],
    { metadata: { any: ['thing'] }, version: 3, description: 'x' },
  );
  expect(faultsOf(text)).toEqual([]);
});
