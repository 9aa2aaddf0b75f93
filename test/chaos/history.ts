/** One record as it was read back: a value is `key#number`, and the numbers of a key rise in commit order. */
export interface SeenValue {
  readonly key: string;
  readonly value: string;
}

/** What became of every message that was written. */
export class Written {
  readonly committed = new Set<string>();
  /** The server said no: they must never be published. */
  readonly refused = new Set<string>();
  /** The answer was lost: they may be published or not. */
  readonly unknown = new Set<string>();
}

export interface Promises {
  /** How many records may be there twice, in all. */
  readonly duplicates: number;
  /** Rows of the outbox that nobody has cleared. */
  readonly left: number;
  /** `free` where first occurrences of a key may change places: rows that the log has never shown are swept later. */
  readonly order?: 'kept' | 'free';
}

export interface Verdict {
  readonly messages: number;
  readonly duplicates: number;
}

const SHOWN = 5;

/**
 * Compares what was written with what was read from the topics, start to end. Records of one key must be given in the order in
 * which they were read.
 * @throws Error that names every promise that was broken, with examples
 */
export function checkHistory(written: Written, seen: readonly SeenValue[], promises: Promises): Verdict {
  const distinct = new Set(seen.map(({ value }) => value));
  const duplicates = seen.length - distinct.size;
  const lost = [...written.committed].filter((value) => !distinct.has(value));
  const phantoms = [...distinct].filter(
    (value) => !written.committed.has(value) && !written.unknown.has(value),
  );
  const outOfOrder = promises.order === 'free' ? [] : misplaced(seen);
  const broken = [
    ...complaint('committed and never published', lost),
    ...complaint('published and never committed', phantoms),
    ...complaint('published for the first time after a later one of their key', outOfOrder),
  ];
  if (duplicates > promises.duplicates) {
    broken.push(`${duplicates} records are repeated, and at most ${promises.duplicates} may be`);
  }
  if (promises.left !== 0) broken.push(`${promises.left} rows are left in the outbox`);
  if (written.committed.size === 0) broken.push('nothing was committed: the test has tested nothing');
  if (broken.length === 0) return { messages: distinct.size, duplicates };
  throw new Error(`of ${written.committed.size} committed messages: ${broken.join('; ')}`);
}

function misplaced(seen: readonly SeenValue[]): string[] {
  const last = new Map<string, number>();
  const known = new Set<string>();
  return seen.flatMap(({ key, value }) => {
    if (known.has(value)) return [];
    known.add(value);
    const number = Number(value.slice(value.lastIndexOf('#') + 1));
    const before = last.get(key) ?? -1;
    last.set(key, Math.max(before, number));
    return number < before ? [`${value} after #${before}`] : [];
  });
}

function complaint(what: string, values: readonly string[]): string[] {
  if (values.length === 0) return [];
  const more = values.length > SHOWN ? ', …' : '';
  return [`${values.length} ${what}: ${values.slice(0, SHOWN).join(', ')}${more}`];
}
