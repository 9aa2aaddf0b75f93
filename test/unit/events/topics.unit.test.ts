import { describe, expect, it } from 'vitest';
import { isStepId, isUuid, type StepId } from '../../../events/ids.ts';
import { jobTopic, stepOfTopic, workerGroup } from '../../../events/topics.ts';

const step = 'send-email' as StepId;

describe('the names of a step', () => {
  it('are its topic and its consumer group', () => {
    expect(jobTopic(step)).toBe('workflow.jobs.send-email');
    expect(workerGroup(step)).toBe('workflow.workers.send-email');
  });

  it('lead back from the topic to the step', () => {
    expect(stepOfTopic(jobTopic(step))).toBe(step);
  });

  it.each(['orders', 'workflow.jobs.', 'workflow.jobs.a b', 'xworkflow.jobs.a', ''])(
    '"%s" is no topic of ours',
    (topic) => {
      expect(stepOfTopic(topic)).toBeUndefined();
    },
  );
});

describe('a step id', () => {
  it.each(['a', 'A-b_c.9', 'x'.repeat(200)])('may be %s', (text) => {
    expect(isStepId(text)).toBe(true);
  });

  it.each(['', '.', '..', 'a b', 'a/b', 'é', 'x'.repeat(201), 'a\n'])('may not be "%s"', (text) => {
    expect(isStepId(text)).toBe(false);
  });
});

describe('a job id', () => {
  it('is a UUID in any letter case', () => {
    expect(isUuid('019A0000-0000-7000-8000-00000000000f')).toBe(true);
    expect(isUuid('019a0000-0000-7000-8000-00000000000')).toBe(false);
    expect(isUuid('019a0000-0000-7000-8000-00000000000f\n')).toBe(false);
  });
});
