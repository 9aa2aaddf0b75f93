import { validate, version } from 'uuid';
import { expect, test } from 'vitest';
import { newId } from '../../../../adapters/system/new-id.ts';

test('ids are UUIDs of version 7 of this time, all different and rising', () => {
  const before = Date.now();
  const ids = Array.from({ length: 10_000 }, newId);
  const millisecond = (id: string | undefined) =>
    Number.parseInt(`${id?.slice(0, 8)}${id?.slice(9, 13)}`, 16);
  expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.toSorted()).toEqual(ids);
  expect(millisecond(ids[0])).toBeGreaterThanOrEqual(before);
  expect(millisecond(ids.at(-1))).toBeLessThanOrEqual(Date.now() + 1);
});
