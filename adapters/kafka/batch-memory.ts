const FIRST_BYTES = 1024 * 1024;

/**
 * Memory for the batches of one round, used again for the next: they are with the broker by then, and a megabyte of garbage
 * a publish is what makes a producer's resident size grow to hundreds.
 */
export class BatchMemory {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #used = 0;

  reset(): void {
    this.#used = 0;
  }

  take(size: number): Buffer {
    if (this.#bytes.length - this.#used < size) {
      // What was handed out before stays where it is.
      this.#bytes = Buffer.allocUnsafeSlow(Math.max(size, FIRST_BYTES));
      this.#used = 0;
    }
    return this.#bytes.subarray(this.#used, this.#used + size);
  }

  keep(size: number): void {
    this.#used += size;
  }
}
