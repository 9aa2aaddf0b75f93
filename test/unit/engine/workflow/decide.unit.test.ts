import { describe, expect, test } from 'vitest';
import { define, end, Run, task } from './graphs.ts';

describe('a chain of steps', () => {
  test('runs one after the other, and each sees what the earlier ones returned', () => {
    const run = new Run(define([task('a', 'b'), task('b', 'end'), end]), { order: 7 });
    expect(run.job('a').payload).toBe('{"order":7}');
    run.complete('a', { paid: true });
    expect(run.job('b').payload).toBe('{"order":7,"paid":true}');
    run.complete('b', { order: null });
    expect(run.instance.status).toBe('completed');
    expect(run.variables).toEqual({ order: null, paid: true });
    expect(run.path).toEqual(['a', 'b', 'end']);
  });

  test('passes on numbers beyond 2^53, how they were written, and the order of keys', () => {
    const run = new Run(
      define([task('a', 'b'), task('b', 'end'), end]),
      '{"2":12345678901234567890,"1":1.10}',
    );
    run.send({ kind: 'jobCompleted', activation: 0, result: '{"z":{"b":1e400,"a":2}}' });
    expect(run.job('b').payload).toBe('{"2":12345678901234567890,"1":1.10,"z":{"b":1e400,"a":2}}');
  });

  test('keeps a result that is no object under the name of its step', () => {
    const run = new Run(define([task('a', 'b'), task('b', 'end'), end]));
    run.complete('a', [1, 2]);
    run.complete('b', null);
    expect(run.variables).toEqual({ a: [1, 2] });
  });

  test('ignores a completion that comes again', () => {
    const run = new Run(define([task('a', 'b'), task('b', 'end'), end]));
    const { activation } = run.job('a');
    run.complete('a');
    expect(run.send({ kind: 'jobCompleted', activation, result: '{}' })).toEqual({ kind: 'ignored' });
    expect(run.jobs()).toHaveLength(2);
  });

  test('fails when the variables grow beyond 256 KB', () => {
    const run = new Run(define([task('a', 'end'), end]));
    run.complete('a', { big: 'x'.repeat(300_000) });
    expect(run.instance).toMatchObject({
      status: 'failed',
      failureReason: expect.stringContaining('256 KB'),
    });
  });

  test('goes a thousand times round a loop with a state that does not grow', () => {
    const loop = define([
      { id: 'count', type: 'TRANSFORMATION', transformations: { n: '${n + 1}' }, nextStep: 'work' },
      task('work', 'more'),
      { id: 'more', type: 'DECISION', conditionalNextSteps: { 'n < 1000': 'count', true: 'end' } },
      end,
    ]);
    const run = new Run(loop, { n: 0 });
    const sizes = [];
    while (run.instance.status === 'running') {
      sizes.push(JSON.stringify(run.instance.state).length);
      run.complete('work', {});
    }
    expect(run.variables).toEqual({ n: 1000 });
    expect(run.jobs()).toHaveLength(1000);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThan(20);
  });

  test('ends a circle of steps that take no time', () => {
    const circle = define([
      { id: 'round', type: 'TRANSFORMATION', transformations: { n: 1 }, nextStep: 'again' },
      { id: 'again', type: 'DECISION', conditionalNextSteps: { 'n == 1': 'round', true: 'end' } },
      end,
    ]);
    const run = new Run(circle);
    expect(run.instance).toMatchObject({
      status: 'failed',
      failureReason: expect.stringContaining('circle'),
    });
  });
});

describe('a decision', () => {
  const decision = (branches: Record<string, string>) =>
    define([
      { id: 'choose', type: 'DECISION', conditionalNextSteps: branches },
      task('one', 'end'),
      task('two', 'end'),
      end,
    ]);

  test('takes the first branch that holds, in the order of declaration', () => {
    for (const [first, second] of [
      ['one', 'two'],
      ['two', 'one'],
    ] as const) {
      const run = new Run(decision({ 'n > 0': first, 'n > 1': second }), { n: 5 });
      expect(run.open).toEqual([first]);
    }
  });

  test('without a branch that holds fails the instance', () => {
    const run = new Run(decision({ 'n > 0': 'one', 'n > 1': 'two' }), { n: 0 });
    expect(run.instance.status).toBe('failed');
    expect(run.instance.failureReason).toContain('DecisionNoBranchMatched');
    expect(run.path).toEqual(['choose failed']);
  });

  test('on an undefined variable fails, even where it would not have been looked at', () => {
    const run = new Run(decision({ 'true || n > 0': 'one', true: 'two' }));
    expect(run.instance.failureReason).toContain('undefined variable "n"');
  });
});

describe('parallel branches', () => {
  const parallel = define([
    { id: 'fork', type: 'PARALLEL_GATEWAY', parallelNextSteps: ['a1', 'b1'], joinStep: 'join' },
    task('a1', 'a2'),
    task('a2', 'join'),
    task('b1', 'join'),
    { id: 'join', type: 'JOIN_GATEWAY', nextStep: 'after' },
    task('after', 'end'),
    end,
  ]);

  test('of different lengths join once, after the longest', () => {
    const run = new Run(parallel);
    expect(run.open).toEqual(['a1', 'b1']);
    run.complete('b1');
    run.complete('a1');
    expect(run.open).toEqual(['a2']);
    run.complete('a2');
    expect(run.jobs().filter(({ type }) => type === 'after')).toHaveLength(1);
    run.complete('after');
    expect(run.instance.status).toBe('completed');
    expect(run.instance.state.forks).toEqual([]);
  });

  test('go on after one of them has failed, and the failed one can be tried again', () => {
    const run = new Run(parallel);
    run.fail('b1', 'no luck');
    expect(run.instance).toMatchObject({ status: 'failed', failureReason: 'Step "b1" failed: no luck' });
    run.complete('a1');
    // What comes next waits for somebody to decide about the failure.
    expect(run.open).toEqual([]);
    run.send({ kind: 'retried', step: 'b1', variables: new Map([['fixed', 'true']]) });
    expect(run.instance).toMatchObject({ status: 'running', failureReason: null });
    expect(run.open.sort()).toEqual(['a2', 'b1']);
    expect(run.job('b1').payload).toBe('{"fixed":true}');
    run.complete('b1');
    run.complete('a2');
    run.complete('after');
    expect(run.instance.status).toBe('completed');
  });

  test('are ended by an END in one of them', () => {
    const early = define([
      { id: 'fork', type: 'PARALLEL_GATEWAY', parallelNextSteps: ['a', 'b'], joinStep: 'join' },
      task('a', 'join', { conditionalNextSteps: { stop: 'end' } }),
      task('b', 'join'),
      { id: 'join', type: 'JOIN_GATEWAY', nextStep: 'end' },
      end,
    ]);
    const run = new Run(early);
    run.complete('a', { stop: true });
    expect(run.instance).toMatchObject({ status: 'completed', state: { tokens: [], forks: [] } });
    expect(run.effects).toContainEqual({ kind: 'cancelJob', activation: run.job('b').activation });
    expect(run.path).toEqual(['fork', 'a', 'end', 'b cancelled']);
  });
});

describe('a wait step', () => {
  const waiting = define([
    task('before', 'wait'),
    { id: 'wait', type: 'WAIT', nextStep: 'after' },
    task('after', 'end'),
    end,
  ]);

  test('goes on with the variables of its signal', () => {
    const run = new Run(waiting);
    run.complete('before');
    run.signal('wait', { ok: 1 });
    expect(run.job('after').payload).toBe('{"ok":1}');
  });

  test('finds a signal that came early', () => {
    const run = new Run(waiting);
    run.signal('wait', { ok: 1 });
    expect(run.signal('wait')).toMatchObject({ kind: 'refused', code: 'not_open' });
    run.complete('before');
    expect(run.open).toEqual(['after']);
  });

  test('refuses a signal that comes late or twice', () => {
    const run = new Run(waiting);
    run.complete('before');
    run.signal('wait');
    expect(run.signal('wait')).toMatchObject({ kind: 'refused', code: 'not_open' });
    run.complete('after');
    expect(run.signal('wait')).toMatchObject({ kind: 'refused', code: 'ended' });
  });

  test('refuses a signal for a step that is none', () => {
    const run = new Run(waiting);
    expect(run.signal('nowhere')).toMatchObject({ code: 'unknown_step' });
    expect(run.signal('after')).toMatchObject({ code: 'wrong_type' });
  });
});

describe('a user task', () => {
  test('is open until it is completed, once', () => {
    const run = new Run(
      define([{ id: 'ask', type: 'USER_TASK', nextStep: 'after' }, task('after', 'end'), end]),
    );
    expect(run.effects).toEqual([{ kind: 'openTask', activation: 0, step: 'ask', name: 'ask' }]);
    run.completeTask('ask', { approved: true });
    expect(run.effects).toContainEqual({ kind: 'closeTask', activation: 0 });
    expect(run.completeTask('ask')).toMatchObject({ kind: 'refused', code: 'not_open' });
    expect(run.job('after').payload).toBe('{"approved":true}');
  });
});

describe('a timer', () => {
  const timed = (interrupting: boolean) =>
    define([
      task('slow', 'end', {
        boundaryEvents: [{ type: 'TIMER', duration: 'PT2S', interrupting, targetStepId: 'late' }],
      }),
      task('late', 'end'),
      end,
    ]);

  test('that interrupts ends its step and goes the other way', () => {
    const run = new Run(timed(true));
    run.pass(1999);
    expect(run.open).toEqual(['slow']);
    run.pass(1);
    expect(run.open).toEqual(['late']);
    expect(run.effects).toContainEqual({ kind: 'cancelJob', activation: 0 });
    expect(run.complete('slow')).toEqual({ kind: 'ignored' });
    expect(run.history[0]).toMatchObject({
      step: 'slow',
      status: 'interrupted',
      startedAt: 0,
      endedAt: 2000,
    });
  });

  test('that does not interrupt goes the other way beside its step, once', () => {
    const run = new Run(timed(false));
    run.pass(2000);
    expect(run.open).toEqual(['slow', 'late']);
    expect(run.pass(2000)).toEqual({ kind: 'ignored' });
    run.complete('late');
    expect(run.instance.status).toBe('completed');
  });

  test('is gone when its step has ended', () => {
    const run = new Run(timed(true));
    run.complete('slow');
    expect(run.pass(5000)).toEqual({ kind: 'ignored' });
    expect(run.jobs()).toHaveLength(1);
  });

  test('in a branch starts one that its join waits for', () => {
    const run = new Run(
      define([
        { id: 'fork', type: 'PARALLEL_GATEWAY', parallelNextSteps: ['a', 'b'], joinStep: 'join' },
        task('a', 'join', { boundaryEvents: [{ type: 'TIMER', duration: 'PT1S', targetStepId: 'remind' }] }),
        task('b', 'join'),
        task('remind', 'join'),
        { id: 'join', type: 'JOIN_GATEWAY', nextStep: 'end' },
        end,
      ]),
    );
    run.pass(1000);
    run.complete('a');
    run.complete('b');
    expect(run.instance.status).toBe('running');
    run.complete('remind');
    expect(run.instance.status).toBe('completed');
  });

  test('of a step with a timeout fails it', () => {
    const run = new Run(define([task('slow', 'end', { timeout: 'PT1M' }), end]));
    run.pass(60_000);
    expect(run.instance.failureReason).toBe('Step "slow" failed: timed out after 60 s');
    expect(run.effects).toContainEqual({ kind: 'cancelJob', activation: 0 });
  });

  test('wakes a step that sleeps', () => {
    const run = new Run(define([{ id: 'rest', type: 'SLEEP', duration: 'P1D', nextStep: 'end' }, end]));
    run.pass(86_399_999);
    expect(run.instance.status).toBe('running');
    run.pass(1);
    expect(run.instance.status).toBe('completed');
  });
});

describe('pause and resume', () => {
  test('let what runs finish, and begin nothing in between', () => {
    const run = new Run(define([task('a', 'b'), task('b', 'end'), end]));
    run.send({ kind: 'paused' });
    run.complete('a', { x: 1 });
    expect(run.instance).toMatchObject({ status: 'paused' });
    expect(run.open).toEqual([]);
    run.send({ kind: 'resumed' });
    expect(run.open).toEqual(['b']);
    expect(run.send({ kind: 'resumed' })).toMatchObject({ code: 'not_paused' });
  });
});

test('a cancelled instance takes nothing more', () => {
  const run = new Run(define([task('a', 'end'), end]));
  run.send({ kind: 'cancelled', reason: 'stop' });
  expect(run.instance).toMatchObject({ status: 'cancelled', failureReason: 'stop' });
  expect(run.effects).toContainEqual({ kind: 'cancelJob', activation: 0 });
  expect(run.complete('a')).toEqual({ kind: 'ignored' });
  expect(run.send({ kind: 'cancelled' })).toMatchObject({ code: 'ended' });
});
