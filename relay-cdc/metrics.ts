import { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from 'prom-client';

export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** The page of all shards of a process. */
export async function printMetrics(shards: readonly RelayMetrics[]): Promise<string> {
  const [only, ...others] = shards;
  if (only && others.length === 0) return only.registry.metrics();
  return AggregatorRegistry.aggregate(
    await Promise.all(shards.map(({ registry }) => registry.getMetricsAsJSON())),
  ).metrics();
}

/** What the relay tells of itself; the names are public. Messages are counted, not rows: a row may be a pack. */
export class RelayMetrics {
  readonly registry = new Registry();
  readonly #published = this.#counter('workflow_engine_dispatch_relay_publish_total', {
    help: 'Messages handed to the broker, by result.',
    labelNames: ['result'],
  });
  readonly #rebuilds = this.#counter('workflow_engine_dispatch_relay_rebuilds_total', {
    help: 'Times the slot had to be made anew and the outbox dispatched from the table, by reason.',
    labelNames: ['reason'],
  });
  readonly #redispatched = this.#counter('workflow_engine_dispatch_relay_redispatched_total', {
    help: 'Messages published from the outbox table because the log did not lead to their being cleared.',
  });
  readonly #skipped = this.#counter('workflow_engine_dispatch_relay_skipped_total', {
    help: 'Messages not published again because the tail of the log of the broker already had them after a crash.',
  });
  readonly #backlog = this.#gauge(
    'workflow_engine_dispatch_outbox_backlog',
    'Messages in the outbox that are not published and cleared; sampled by the leader.',
  );
  readonly #leader = this.#gauge('workflow_engine_dispatch_relay_leader', '1 on the leader, 0 on a standby.');
  readonly #term = this.#gauge(
    'workflow_engine_dispatch_relay_term',
    'Term of the leadership; 0 on a standby.',
  );
  readonly #retained = this.#gauge(
    'workflow_engine_dispatch_relay_slot_retained_bytes',
    'Write-ahead log that the server keeps for the slot.',
  );
  readonly #lag = this.#gauge(
    'workflow_engine_dispatch_relay_confirmed_lag_bytes',
    'Write-ahead log between what is confirmed and what is written.',
  );
  readonly #unacked = this.#gauge(
    'workflow_engine_dispatch_relay_unacked_bytes',
    'Bytes read from the log and not acknowledged by the broker.',
  );
  readonly #uncleared = this.#gauge(
    'workflow_engine_dispatch_relay_uncleared_messages',
    'Messages published whose outbox rows are not deleted yet.',
  );
  readonly #latency = new Histogram({
    name: 'workflow_engine_dispatch_relay_publish_seconds',
    help: 'Time for one batch to be acknowledged by the broker.',
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers: [this.registry],
  });

  /** @param shard labels every series; without it there is no such label, as in an installation of one shard */
  constructor(shard?: number) {
    if (shard !== undefined) this.registry.setDefaultLabels({ shard: String(shard) });
    // A series exists from the start, so that a rate over it is right for the first event.
    this.#published.inc({ result: 'success' }, 0);
    this.#published.inc({ result: 'error' }, 0);
  }

  published(messages: number, milliseconds: number): void {
    this.#published.inc({ result: 'success' }, messages);
    this.#latency.observe(milliseconds / 1000);
  }

  publishFailed(messages: number): void {
    this.#published.inc({ result: 'error' }, messages);
  }

  rebuilt(reason: string): void {
    this.#rebuilds.inc({ reason });
  }

  redispatched(messages: number): void {
    this.#redispatched.inc(messages);
  }

  skipped(messages: number): void {
    this.#skipped.inc(messages);
  }

  unacked(bytes: number): void {
    this.#unacked.set(bytes);
  }

  uncleared(messages: number): void {
    this.#uncleared.set(messages);
  }

  backlog(messages: number): void {
    this.#backlog.set(messages);
  }

  slot(sample: { readonly retainedBytes: number; readonly lagBytes: number }): void {
    this.#retained.set(sample.retainedBytes);
    this.#lag.set(sample.lagBytes);
  }

  leading(term: bigint | undefined): void {
    this.#leader.set(term === undefined ? 0 : 1);
    this.#term.set(Number(term ?? 0n));
  }

  #counter(name: string, options: { help: string; labelNames?: string[] }): Counter {
    return new Counter({ name, ...options, registers: [this.registry] });
  }

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.registry] });
  }
}
