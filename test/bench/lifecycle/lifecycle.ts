/** What one engine did with a number of no-op jobs. */
export interface Lifecycle {
  readonly enqueuePerSecond: number;
  /** From the first handler's start to the last completion. */
  readonly perSecond: number;
  readonly cost: readonly LifecycleCost[];
}

export interface LifecycleCost {
  readonly name: string;
  /** Processor time a job, in microseconds. */
  readonly cpuUs: number;
}
