/**
 * How long the handlers of each type take, as seen lately. A slow run counts at once, a fast one slowly: claiming too much
 * costs attempts, claiming too little costs a request.
 */
export class Pace {
  readonly #byType = new Map<string, number>();

  observe(type: string, milliseconds: number): void {
    const known = this.#byType.get(type) ?? 0;
    this.#byType.set(type, Math.max(milliseconds, known * 0.8 + milliseconds * 0.2, 0.01));
  }

  /** How long the next run of this type will probably take, in milliseconds; 0 for a type never seen. */
  expected(type: string): number {
    return this.#byType.get(type) ?? 0;
  }

  /**
   * How many of the next records to claim at once: as many as will probably be done within `horizonMs`, and at least one
   * for each lane. A type never seen fills the horizon by itself, so that of a slow one nothing is claimed in vain.
   */
  claimable(types: readonly string[], options: { horizonMs: number; lanes: number }): number {
    const { horizonMs, lanes } = options;
    let work = 0;
    for (const [index, type] of types.entries()) {
      work += this.#byType.get(type) ?? horizonMs;
      if (index >= lanes && work > horizonMs * lanes) return index;
    }
    return types.length;
  }
}
