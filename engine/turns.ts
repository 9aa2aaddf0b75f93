const last = new Map<string, Promise<unknown>>();

/**
 * Does the work once all that was asked for before it under this name is done, in this process. For those who have lost to
 * each other: of any number of decisions about one instance at the same time, one is written, so without turns the others
 * would load and decide over and over.
 */
export async function inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
  const before = last.get(name);
  const mine = (before ?? Promise.resolve()).then(work, work);
  last.set(name, mine);
  try {
    return await mine;
  } finally {
    if (last.get(name) === mine) last.delete(name);
  }
}
