import { expect, test } from 'vitest';
import type { Lsn } from '../../../events/ids.ts';
import { LoggedBacklog } from '../../../relay-cdc/logged-backlog.ts';

const at = (position: number, number: number) => ({
  position: BigInt(position) as Lsn,
  number: BigInt(number),
});
const upTo = (position: number) => BigInt(position) as Lsn;

test('nothing is said until something was published, or the log is read beyond the first look', () => {
  const logged = new LoggedBacklog();
  expect(logged.look(at(100, 7), upTo(50))).toBeUndefined();
  expect(logged.look(at(200, 9), upTo(99))).toBeUndefined();
  expect(logged.look(at(300, 9), upTo(200))).toEqual({ number: 9n, messagesPerNumber: 1 });
});

test('the newest number published counts, in whatever order they come, for as many messages as it had', () => {
  const logged = new LoggedBacklog();
  logged.published([
    { id: 12n, jobs: 3 },
    { id: 11n, jobs: 1 },
  ]);
  expect(logged.look(at(100, 20), upTo(50))).toEqual({ number: 12n, messagesPerNumber: 2 });
});

test('numbers that never come are done with once the log is read beyond the moment of their being given', () => {
  const logged = new LoggedBacklog();
  logged.published([{ id: 12n, jobs: 1 }]);
  expect(logged.look(at(100, 20), upTo(90))?.number).toBe(12n);
  expect(logged.look(at(200, 20), upTo(110))?.number).toBe(20n);
});
