import { describe, expect, it } from 'vitest';
import { PollFront } from '../../../../adapters/postgres/poll-front.ts';

const MANY = { isFull: true, ms: 5 };
const FIRST = '00000000-0000-0000-0000-000000000000';

function job(id: string, priority = 0, type = 'a') {
  return { id, priority, type };
}

function looked(
  front: PollFront,
  rows: ReturnType<typeof job>[],
  outcome: { isFull: boolean; ms: number; now: number },
) {
  const look = front.look();
  look.found(rows, outcome);
  look.end();
}

describe('the front of a poll', () => {
  it('is nowhere without a backlog: all is looked at', () => {
    const front = new PollFront(['a', 'b']);
    expect(front.beyond(0)).toBeUndefined();
    looked(front, [job('1')], { isFull: false, ms: 5, now: 0 });
    expect(front.beyond(1)).toBeUndefined();
    expect(front.whole).toEqual([
      { type: 'a', lowest: -32_768, highest: 32_767, after: FIRST },
      { type: 'b', lowest: -32_768, highest: 32_767, after: FIRST },
    ]);
  });

  it('leaves out nothing but what was taken: every other priority and type is there whole', () => {
    const front = new PollFront(['a', 'b']);
    looked(front, [job('3', 5), job('7'), job('8')], { ...MANY, now: 0 });
    expect(front.beyond(1)).toEqual([
      { type: 'a', lowest: 6, highest: 32_767, after: FIRST },
      { type: 'a', lowest: 5, highest: 5, after: '3' },
      { type: 'a', lowest: 1, highest: 4, after: FIRST },
      { type: 'a', lowest: 0, highest: 0, after: '8' },
      { type: 'a', lowest: -32_768, highest: -1, after: FIRST },
      { type: 'b', lowest: -32_768, highest: 32_767, after: FIRST },
    ]);
  });

  it('moves on with what is taken beyond it, and back to where a look at the whole has come', () => {
    const front = new PollFront(['a']);
    looked(front, [job('3')], { ...MANY, now: 0 });
    front.took([job('4'), job('5')], MANY);
    expect(front.beyond(1)?.[1]?.after).toBe('5');
    looked(front, [job('1'), job('2')], { ...MANY, now: 1 });
    expect(front.beyond(2)?.[1]?.after).toBe('2');
  });

  it('lets the whole be looked at after half a second, by one at a time', () => {
    const front = new PollFront(['a']);
    looked(front, [job('3')], { ...MANY, now: 0 });
    expect(front.beyond(499)).toBeDefined();
    expect(front.beyond(500)).toBeUndefined();
    const look = front.look();
    expect(front.beyond(500)).toBeDefined();
    look.end();
    expect(front.beyond(500)).toBeUndefined();
  });

  it('lets it be looked at more seldom where that takes long, as a share of the time', () => {
    const front = new PollFront(['a']);
    looked(front, [job('3')], { ...MANY, now: 0 });
    front.took([job('4')], { isFull: true, ms: 5 });
    looked(front, [job('5')], { isFull: true, ms: 105, now: 1_000 });
    expect(front.beyond(2_999)).toBeDefined();
    expect(front.beyond(3_000)).toBeUndefined();
  });

  it('is given up for a type with many priorities', () => {
    const front = new PollFront(['a']);
    looked(
      front,
      [1, 2, 3, 4, 5].map((priority) => job('3', priority)),
      { ...MANY, now: 0 },
    );
    expect(front.beyond(1)).toBeUndefined();
  });
});
