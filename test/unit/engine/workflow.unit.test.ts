import { describe, expect, it } from 'vitest';
import { decideStepCompleted, type InstanceRecord, stepPayload } from '../../../engine/workflow.ts';
import type { InstanceId, StepId } from '../../../events/ids.ts';

const steps = ['extract', 'process', 'notify'].map((name) => ({
  name,
  type: name as StepId,
  payload: `{"of": "${name}"}`,
  max_retries: 3,
}));

function instance(overrides: Partial<InstanceRecord> = {}): InstanceRecord {
  const at = new Date(0);
  return {
    id: '019a0000-0000-7000-8000-000000000000' as InstanceId,
    name: 'etl',
    foreignId: null,
    status: 'running',
    steps,
    currentStep: 0,
    outputs: [],
    failureReason: null,
    version: 1,
    createdAt: at,
    updatedAt: at,
    completedAt: null,
    ...overrides,
  };
}

describe('after a step has completed', () => {
  it('the next one gets its own payload and what the earlier ones returned', () => {
    expect(decideStepCompleted(instance(), 0, '{"rows":3}')).toEqual({
      kind: 'next',
      stepIndex: 1,
      step: steps[1],
      payload: '{"of": "process","outputs":{"extract":{"rows":3}}}',
    });
  });

  it('the outputs of all earlier steps are there, in step order', () => {
    const decision = decideStepCompleted(instance({ currentStep: 1, outputs: ['1'] }), 1, '2');
    expect(decision.kind === 'next' && decision.payload).toBe(
      '{"of": "notify","outputs":{"extract":1,"process":2}}',
    );
  });

  it('the last one completes the instance', () => {
    const last = instance({ currentStep: 2, outputs: ['1', '2'] });
    expect(decideStepCompleted(last, 2, '3')).toEqual({ kind: 'completed' });
  });

  it.each(['completed', 'failed', 'cancelled'] as const)(
    'nothing follows in an instance that is %s',
    (status) => {
      expect(decideStepCompleted(instance({ status }), 0, '1')).toEqual({ kind: 'ignored' });
    },
  );

  it.each([0, 2])('nothing follows when another step (%i) than the one under way reports', (stepIndex) => {
    expect(decideStepCompleted(instance({ currentStep: 1 }), stepIndex, '1')).toEqual({ kind: 'ignored' });
  });
});

describe('the payload of a step', () => {
  it('of the first is its own, byte for byte', () => {
    const own = [{ ...steps[0], payload: ' { "n" : 1.0 } ' }] as typeof steps;
    expect(stepPayload(own, 0, [])).toBe(' { "n" : 1.0 } ');
  });

  it('keeps numbers, order and spelling that parsing would lose', () => {
    const own = steps.map((step) => ({
      ...step,
      payload: '{ "b": 1e400, "a": 12345678901234567890, "b": 1.10 }',
    }));
    const payload = stepPayload(own, 1, ['{"z":0.1000000000000000000001,"a":98765432109876543210}']);
    expect(payload).toBe(
      '{"b": 1e400, "a": 12345678901234567890, "b": 1.10,"outputs":{"extract":{"z":0.1000000000000000000001,"a":98765432109876543210}}}',
    );
  });

  it('without members of its own is the outputs alone', () => {
    const own = steps.map((step) => ({ ...step, payload: ' { } ' }));
    expect(stepPayload(own, 1, ['null'])).toBe('{"outputs":{"extract":null}}');
  });

  it('quotes step names as JSON does', () => {
    const own = steps.map((step) => ({ ...step, name: `a"\\\n${step.name}` }));
    expect(JSON.parse(stepPayload(own, 1, ['1']))).toEqual({
      of: 'process',
      outputs: { 'a"\\\nextract': 1 },
    });
  });
});
