/**
 * What is done about the write-ahead log that the relay's slots hold back. Each step includes those before it: `alert`
 * tells people, `fallback` queues new jobs without the outbox, `dropped` gives up a slot before the disk is full.
 */
export type WalPressure = 'calm' | 'alert' | 'fallback' | 'dropped';

/** Shares of the budget at which a step begins. It ends at the share at which the step before it begins. */
export const steps = { alert: 0.5, fallback: 0.8, dropped: 0.95 } as const;
const CALM_AGAIN = 0.4;

export interface WalUse {
  readonly pressure: WalPressure;
  /** The largest share of the budget that a slot uses; may be over 1. */
  readonly used: number;
  /** A slot is gone, or is being made anew: until it streams again a small share means nothing. */
  readonly rebuilding: boolean;
}

/** The next step, with distance between where one begins and where it ends, so that it does not flap. */
export function nextPressure({ pressure, used, rebuilding }: WalUse): WalPressure {
  if (used >= steps.dropped) return 'dropped';
  const inFallback = pressure === 'fallback' || pressure === 'dropped';
  if (inFallback && rebuilding) return pressure;
  if (used >= steps.fallback || (inFallback && used >= steps.alert)) return 'fallback';
  if (used >= steps.alert || (pressure !== 'calm' && used >= CALM_AGAIN)) return 'alert';
  return 'calm';
}
