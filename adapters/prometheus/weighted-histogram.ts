import { Histogram, type Registry } from 'prom-client';

export interface WeightedHistogramOptions<Series extends string> {
  readonly name: string;
  readonly help: string;
  /** The one label, and its values: all known from the start. */
  readonly label: string;
  readonly series: readonly Series[];
  /** Upper bounds, rising. */
  readonly buckets: readonly number[];
  readonly registry: Registry;
}

interface Counts {
  /** Of each bucket by itself; the last one is what is beyond all bounds. */
  readonly buckets: Float64Array;
  sum: number;
}

/**
 * A histogram that takes a value for many observations at once: a batch is counted in one step, where prom-client's own
 * takes one call, and one look-up of labels, for each message.
 */
export class WeightedHistogram<Series extends string> extends Histogram {
  readonly #options: WeightedHistogramOptions<Series>;
  readonly #series = new Map<Series, Counts>();

  constructor(options: WeightedHistogramOptions<Series>) {
    const { name, help, label, buckets, registry } = options;
    super({ name, help, labelNames: [label], buckets: [...buckets], registers: [registry] });
    this.#options = options;
    for (const series of options.series) {
      this.#series.set(series, { buckets: new Float64Array(buckets.length + 1), sum: 0 });
    }
  }

  add(series: Series, value: number, weight: number): void {
    const counts = this.#series.get(series);
    if (!counts) return;
    const { buckets } = this.#options;
    let index = 0;
    while (index < buckets.length && value > (buckets[index] ?? 0)) index += 1;
    counts.buckets[index] = (counts.buckets[index] ?? 0) + weight;
    counts.sum += value * weight;
  }

  /** What the registry prints, and what prom-client's own `get` is made from; its types do not tell of it. */
  getForPromString() {
    const { name, help } = this.#options;
    return { name, help, type: 'histogram', aggregator: 'sum', values: this.#values() };
  }

  #values() {
    const { name, label, buckets } = this.#options;
    return [...this.#series].flatMap(([series, counts]) => {
      const sharedLabels = { [label]: series };
      let count = 0;
      const rows = [...buckets, '+Inf'].map((le, index) => {
        count += counts.buckets[index] ?? 0;
        return { metricName: `${name}_bucket`, labels: { le }, sharedLabels, value: count };
      });
      return [
        ...rows,
        { metricName: `${name}_sum`, labels: {}, sharedLabels, value: counts.sum },
        { metricName: `${name}_count`, labels: {}, sharedLabels, value: count },
      ];
    });
  }
}
