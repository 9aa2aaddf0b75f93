import type { Clock } from './ports/clock.ts';
import type { BusDelivery } from './ports/event-bus.ts';

export interface KeepAliveOptions {
  readonly clock: Clock;
  readonly ackWaitMs: number;
}

/** Says of each that it is still worked on, until the signal. What cannot be told is tried again before its time is over. */
export async function keepAlive(
  deliveries: readonly BusDelivery[],
  { clock, ackWaitMs }: KeepAliveOptions,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(ackWaitMs / 3, signal);
    if (signal.aborted) return;
    await Promise.all(deliveries.map((delivery) => delivery.inProgress().catch(() => undefined)));
  }
}
