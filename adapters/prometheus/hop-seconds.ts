import type { Registry } from 'prom-client';
import { WeightedHistogram } from './weighted-histogram.ts';

/** The hops of a message, each named for where it ends. Every process shows those that it sees. */
export type Hop = 'decode' | 'ack' | 'claim';

/** From half a millisecond to a quarter of an hour. */
const BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 900,
] as const;

export function createHopSeconds<const H extends Hop>(
  registry: Registry,
  hops: readonly H[],
): WeightedHistogram<H> {
  return new WeightedHistogram({
    name: 'workflow_engine_hop_seconds',
    help: 'Time of a message from one hop to the next: commit, decode, ack, claim; by the hop at which it ends.',
    label: 'hop',
    series: hops,
    buckets: BUCKETS,
    registry,
  });
}
