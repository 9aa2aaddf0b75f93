import { expect, test, vi } from 'vitest';
import { LIVENESS_TICK_MS, Liveness } from '../../../relay-cdc/liveness.ts';
import { Reporter, type ReporterDeps } from '../../../relay-cdc/reporter.ts';

function reporting(phase: ReturnType<ReporterDeps['phase']>, send: () => void = () => undefined) {
  const clock = { now: 0 };
  const liveness = new Liveness(() => clock.now);
  const failures: unknown[] = [];
  const reporter = new Reporter({
    liveness,
    phase: () => phase,
    send,
    fail: (error) => failures.push(error),
  });
  return { clock, liveness, reporter, failures };
}

test('a process that is frozen in the midst of a report does not take itself for alive by it', () => {
  const { clock, liveness, reporter, failures } = reporting('streaming', () => {
    clock.now += 11_000;
  });
  reporter.report();
  expect(liveness.isCurrent()).toBe(false);
  expect(reporter.stillCurrent()).toBe(false);
  expect(String(failures[0])).toMatch(/stood still/);
});

test('a process that is frozen while its stream starts gives up before it reads what has come', () => {
  const { clock, reporter, failures } = reporting('starting');
  clock.now += 11_000;
  expect(reporter.stillCurrent()).toBe(false);
  expect(failures).toHaveLength(1);
});

test('a stream may take long to start while the process looks after it, and not while it is frozen', () => {
  vi.useFakeTimers();
  try {
    const { clock, liveness, reporter, failures } = reporting('starting');
    reporter.start();
    for (let second = 0; second < 20; second += 1) {
      clock.now += LIVENESS_TICK_MS;
      vi.advanceTimersByTime(LIVENESS_TICK_MS);
    }
    expect(liveness.isCurrent()).toBe(true);
    expect(failures).toEqual([]);
    clock.now += 11_000;
    vi.advanceTimersByTime(LIVENESS_TICK_MS);
    expect(liveness.isCurrent()).toBe(false);
    expect(String(failures[0])).toMatch(/stood still/);
    reporter.stop();
  } finally {
    vi.useRealTimers();
  }
});
