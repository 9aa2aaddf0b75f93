import { expect, test } from 'vitest';
import { Liveness } from '../../../relay-cdc/liveness.ts';

function atTime() {
  let now = 0;
  const liveness = new Liveness(() => now);
  const wait = (milliseconds: number): void => {
    now += milliseconds;
  };
  return { liveness, wait };
}

test('after 3 s without a word one is due, and a ping when the server is silent as well', () => {
  const { liveness, wait } = atTime();
  wait(2_999);
  expect(liveness.due()).toBe('nothing');
  wait(1);
  expect(liveness.due()).toBe('report');
  liveness.sent();
  wait(3_000);
  expect(liveness.due()).toBe('ping');
  liveness.received();
  expect(liveness.due()).toBe('report');
});

test('a server that is silent for 30 s is given up, unless it is not being listened to', () => {
  const { liveness, wait } = atTime();
  const waitReporting = (seconds: number): void => {
    for (let second = 0; second < seconds; second += 1) {
      wait(1_000);
      liveness.sent();
    }
  };
  waitReporting(30);
  expect(liveness.failure()).toBeUndefined();
  waitReporting(1);
  expect(liveness.failure()?.message).toMatch(/silent for 30 s/);
  liveness.resume();
  liveness.pause();
  waitReporting(120);
  expect(liveness.failure()).toBeUndefined();
  liveness.resume();
  expect(liveness.failure()).toBeUndefined();
});

test('a process that said nothing for as long as the server waits has been given up, paused or not', () => {
  const { liveness, wait } = atTime();
  liveness.pause();
  wait(9_999);
  expect(liveness.isCurrent()).toBe(true);
  wait(1);
  expect(liveness.isCurrent()).toBe(false);
  expect(liveness.failure()?.message).toMatch(/stood still/);
});

test('a server that leaves pings unanswered for 10 s may have given us up, whatever was said into the void', () => {
  const { liveness, wait } = atTime();
  wait(9_999);
  liveness.sent();
  expect(liveness.isHeard()).toBe(true);
  wait(1);
  expect(liveness.isHeard()).toBe(false);
  expect(liveness.isCurrent()).toBe(true);
  liveness.received();
  expect(liveness.isHeard()).toBe(true);
});
