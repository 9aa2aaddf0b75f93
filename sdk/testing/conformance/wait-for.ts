import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  /** Milliseconds. */
  readonly within: number;
  /** What is waited for, for the message of the failure. */
  readonly what?: string;
}

type Met<T> = Exclude<T, false | null | undefined>;

/**
 * Resolves with the first value that is neither false nor absent. A condition that throws counts as not met yet; the
 * failure tells what it last gave or threw.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { within, what = 'a condition' }: WaitOptions,
): Promise<Met<T>> {
  const deadline = performance.now() + within;
  for (;;) {
    let seen: string;
    let cause: unknown;
    try {
      const value = await condition();
      if (isMet(value)) return value;
      seen = `it was ${String(value)}`;
    } catch (error) {
      cause = error;
      seen = `it failed with: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() >= deadline) {
      throw new Error(`waited ${within} ms in vain for ${what}; the last time ${seen}`, { cause });
    }
    await delay(20);
  }
}

function isMet<T>(value: T): value is Met<T> {
  return value !== false && value !== null && value !== undefined;
}
