export interface SteadyLoad {
  /** A second. */
  readonly rate: number;
  readonly ms: number;
}

/**
 * Begins one after the other at a steady rate, whatever becomes of those before.
 * @param send told how many have begun before it
 * @returns how many, once all have ended
 */
export async function pace(
  { rate, ms }: SteadyLoad,
  send: (nth: number) => Promise<unknown>,
): Promise<number> {
  const sent: Promise<unknown>[] = [];
  const began = performance.now();
  for (let elapsed = 0; elapsed < ms; elapsed = performance.now() - began) {
    while (sent.length < (elapsed / 1000) * rate) sent.push(send(sent.length));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(sent);
  return sent.length;
}

export const VALUE_BYTES = 300;
/** More digits than a microsecond needs. */
const STAMP_LENGTH = 20;

/** A value that says when it was made, by the clock of this process. */
export function stampedNow(): Buffer {
  const value = Buffer.alloc(VALUE_BYTES, ' ');
  value.write(String(performance.now()).slice(0, STAMP_LENGTH));
  return value;
}

/** @returns as `performance.now` has it; not a number where a value has no stamp */
export function stampOf(value: Buffer): number {
  return Number(value.toString('latin1', 0, STAMP_LENGTH));
}
