/**
 * Asks about each key once, and gives everyone who asked the answer. A batch may name a job twice, for instance when its
 * dispatch was delivered twice.
 */
export async function onceEach<T, Answer>(
  items: readonly T[],
  keyOf: (item: T) => string,
  ask: (items: readonly T[]) => Promise<readonly Answer[]>,
): Promise<[item: T, answer: Answer | undefined][]> {
  const places = new Map<string, number>();
  const distinct = items.filter((item) => {
    const isNew = !places.has(keyOf(item));
    if (isNew) places.set(keyOf(item), places.size);
    return isNew;
  });
  const answers = await ask(distinct);
  return items.map((item) => [item, answers[places.get(keyOf(item)) ?? -1]]);
}
