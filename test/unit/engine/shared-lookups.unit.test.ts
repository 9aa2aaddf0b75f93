import { expect, test } from 'vitest';
import { sharedLookups } from '../../../engine/shared-lookups.ts';
import type { DefinitionRecord } from '../../../engine/workflow/definitions.ts';

/** A store whose lookups end when the test says so; each gives the version that stood when it began. */
function heldStore() {
  const ends: (() => Promise<void>)[] = [];
  const held = { version: 1, ends, lookUp: sharedLookups(find) };
  function find(id: string): Promise<DefinitionRecord | undefined> {
    const { version } = held;
    return new Promise((resolve) => {
      ends.push(() => {
        resolve({ id, version, name: id, document: '{}', uploadedAt: new Date(0) });
        return new Promise(setImmediate);
      });
    });
  }
  return held;
}

test('any number of callers cost one lookup under way, and one after it', async () => {
  const store = heldStore();
  const first = store.lookUp('a');
  const others = [store.lookUp('a'), store.lookUp('a'), store.lookUp('a')];
  expect(store.ends).toHaveLength(1);
  await store.ends[0]?.();
  expect(store.ends).toHaveLength(2);
  await store.ends[1]?.();
  expect((await Promise.all([first, ...others])).map((found) => found?.version)).toEqual([1, 1, 1, 1]);
  expect(store.ends).toHaveLength(2);
});

test('nobody is given what was read before they asked', async () => {
  const store = heldStore();
  const before = store.lookUp('a');
  store.version = 2;
  const after = store.lookUp('a');
  await store.ends[0]?.();
  await store.ends[1]?.();
  expect([(await before)?.version, (await after)?.version]).toEqual([1, 2]);
});

test('other ids do not wait', () => {
  const store = heldStore();
  void store.lookUp('a');
  void store.lookUp('b');
  expect(store.ends).toHaveLength(2);
});
