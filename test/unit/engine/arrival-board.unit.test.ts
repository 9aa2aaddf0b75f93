import { describe, expect, test } from 'vitest';
import { ArrivalBoard } from '../../../engine/arrival-board.ts';
import type { StepId } from '../../../events/ids.ts';
import { FakeClock } from '../sdk/worker/fake-clock.ts';

const [A, B] = ['a', 'b'] as StepId[] as [StepId, StepId];
const never = new AbortController().signal;

async function settled(waiting: Promise<void>): Promise<boolean> {
  let done = false;
  void waiting.then(() => {
    done = true;
  });
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  return done;
}

describe('a board of arrivals', () => {
  test('wakes whoever waits for the type, and nobody else', async () => {
    const board = new ArrivalBoard(new FakeClock());
    const forA = board.after(board.mark(), { types: [A], ms: 1000, signal: never });
    const forB = board.after(board.mark(), { types: [B], ms: 1000, signal: never });
    board.tell([A]);
    expect(await settled(forA)).toBe(true);
    expect(await settled(forB)).toBe(false);
    board.tell();
    expect(await settled(forB)).toBe(true);
  });

  test('does not wait for what was told between the mark and the wait', async () => {
    const board = new ArrivalBoard(new FakeClock());
    const mark = board.mark();
    board.tell([A]);
    expect(await settled(board.after(mark, { types: [A, B], ms: 1000, signal: never }))).toBe(true);
    expect(await settled(board.after(mark, { types: [B], ms: 1000, signal: never }))).toBe(false);
    expect(await settled(board.after(board.mark(), { types: [A], ms: 1000, signal: never }))).toBe(false);
  });

  test('lets go at the end of the time, and at an abort', async () => {
    const clock = new FakeClock();
    const board = new ArrivalBoard(clock);
    await clock.until(board.after(board.mark(), { types: [A], ms: 1000, signal: never }));
    const abort = new AbortController();
    const waiting = board.after(board.mark(), { types: [A], ms: 1000, signal: abort.signal });
    abort.abort();
    expect(await settled(waiting)).toBe(true);
  });
});
