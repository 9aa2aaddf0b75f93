export interface Retries {
  /** In all, at most. */
  readonly tries: number;
  /** Whether what failed so can simply be done again: it has changed nothing. */
  readonly passes: (error: unknown) => boolean;
}

/** Does it again as long as its failure passes. Rejects with the last one. */
export async function retried<T>(run: () => Promise<T>, { tries, passes }: Retries): Promise<T> {
  for (let count = 1; ; count += 1) {
    try {
      return await run();
    } catch (error) {
      if (count >= tries || !passes(error)) throw error;
    }
  }
}
