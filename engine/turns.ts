const turns = new WeakMap<object, Map<string, Promise<unknown>>>();

/**
 * Does the work once all that was asked for before it under this name is done, in this process, by those who share a store: who
 * must not know of another's instance must not wait for his turn at it either. For those who have lost to
 * each other: of any number of decisions about one instance at the same time, one is written, so without turns the others
 * would load and decide over and over.
 */
export async function inTurn<T>(store: object, name: string, work: () => Promise<T>): Promise<T> {
  const last = turns.get(store) ?? new Map<string, Promise<unknown>>();
  turns.set(store, last);
  const before = last.get(name);
  const mine = (before ?? Promise.resolve()).then(work, work);
  last.set(name, mine);
  try {
    return await mine;
  } finally {
    if (last.get(name) === mine) last.delete(name);
  }
}
