/** Lets through whoever comes, until it is closed. */
export class Gate {
  #open = Promise.resolve();

  /** Resolves once whoever asks may go on. */
  passed(): Promise<void> {
    return this.#open;
  }

  /** @returns what opens it again */
  close(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#open = promise;
    return resolve;
  }
}
