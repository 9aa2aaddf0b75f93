export interface SoakPart {
  readonly what: string;
  readonly file: string;
  /** Those of the file that it is about. */
  readonly tests: string;
  /** What the tests read the size from. */
  readonly variable: string;
  readonly size: number;
  readonly unit: string;
}

export const parts: Readonly<Record<string, SoakPart>> = {
  'big-transaction': {
    what: 'one transaction, its relay killed half way',
    file: 'test/chaos/big-transaction.chaos.test.ts',
    tests: 'MiB',
    variable: 'WE_CHAOS_BIG_MEBIBYTES',
    size: 1_024,
    unit: 'MiB',
  },
  'big-rows': {
    what: 'one transaction, its relay killed half way',
    file: 'test/chaos/big-transaction.chaos.test.ts',
    tests: 'rows',
    variable: 'WE_CHAOS_BIG_ROWS',
    size: 1_000_000,
    unit: 'rows',
  },
  kills: {
    what: 'kill -9 of the leader at random points',
    file: 'test/chaos/kill-relay.chaos.test.ts',
    tests: 'kill -9',
    variable: 'WE_CHAOS_KILLS',
    size: 3_000,
    unit: 'kills',
  },
  outage: {
    what: 'no broker answers',
    file: 'test/chaos/kafka-faults.chaos.test.ts',
    tests: 'no broker',
    variable: 'WE_CHAOS_OUTAGE_SECONDS',
    size: 300,
    unit: 'seconds',
  },
};

export type Chosen =
  | { readonly parts: readonly { readonly part: SoakPart; readonly size: number }[] }
  | { readonly unknown: string };

/** @param words `name` or `name=size`; none is every part */
export function chooseParts(words: readonly string[]): Chosen {
  const wanted = words.length > 0 ? words : Object.keys(parts);
  const chosen: { part: SoakPart; size: number }[] = [];
  for (const word of wanted) {
    const [name = '', text] = word.split('=');
    const part = parts[name];
    const size = text === undefined ? part?.size : Number(text);
    if (!part || size === undefined || !Number.isInteger(size) || size < 1) return { unknown: word };
    chosen.push({ part, size });
  }
  return { parts: chosen };
}
