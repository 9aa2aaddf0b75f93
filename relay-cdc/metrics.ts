import { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { WalSample } from '../adapters/postgres/wal-guard.ts';
import { createHopSeconds } from '../adapters/prometheus/hop-seconds.ts';
import type { ConsumerLag } from '../engine/ports/consumer-lag.ts';
import type { Arrival } from './outgoing.ts';

export const METRICS_CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

const PUBLISH_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** The page of all shards of a process. */
export async function printMetrics(shards: readonly RelayMetrics[]): Promise<string> {
  const [only, ...others] = shards;
  if (only && others.length === 0) return only.registry.metrics();
  return AggregatorRegistry.aggregate(
    await Promise.all(shards.map(({ registry }) => registry.getMetricsAsJSON())),
  ).metrics();
}

/** A row that the broker has, and what is needed to tell how long each hop took. */
export interface AckedRow {
  readonly row: { readonly messageCount: number };
  readonly arrival: Arrival;
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
  readonly #deadLetters = this.#gauge('dead_letter_depth', 'Jobs among the dead letters.');
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
  readonly #walUsed = this.#gauge(
    'workflow_engine_dispatch_wal_budget_used_ratio',
    'Write-ahead log that the slots hold back, as a share of the budget; new jobs fall back to polling at 0.8.',
  );
  readonly #walBudget = this.#gauge(
    'workflow_engine_dispatch_wal_budget_bytes',
    'Write-ahead log that the slots may hold back before they are dropped.',
  );
  readonly #fallback = this.#gauge(
    'workflow_engine_dispatch_fallback',
    '1 while new jobs are queued without the outbox, for workers that poll.',
  );
  readonly #losses = this.#gauge(
    'workflow_engine_dispatch_slot_losses_last_hour',
    'Times a slot was lost within the last hour, in the whole installation; over 3 needs a person.',
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
    buckets: PUBLISH_BUCKETS,
    registers: [this.registry],
  });
  readonly #batch = new Histogram({
    name: 'workflow_engine_dispatch_relay_batch_latency_seconds',
    help: 'Time for one batch to be acknowledged by the broker; as ..._publish_seconds, batches that failed included.',
    buckets: PUBLISH_BUCKETS,
    registers: [this.registry],
  });
  readonly #producerErrors = this.#counter('workflow_engine_kafka_producer_errors_total', {
    help: 'Batches that failed: for want of an answer or of time (context), or by the client or the broker (client).',
    labelNames: ['code'],
  });
  readonly #hops = createHopSeconds(this.registry, ['decode', 'ack']);
  readonly #consumerLag = new Gauge({
    name: 'workflow_engine_kafka_consumer_lag_seconds',
    help: 'Age of the oldest record that the group has not committed, 0 when there is none; sampled by the leader.',
    labelNames: ['topic', 'group'],
    registers: [this.registry],
  });

  /** @param shard labels every series; without it there is no such label, as in an installation of one shard */
  constructor(shard?: number) {
    if (shard !== undefined) this.registry.setDefaultLabels({ shard: String(shard) });
    // A series exists from the start, so that a rate over it is right for the first event.
    this.#published.inc({ result: 'success' }, 0);
    this.#published.inc({ result: 'error' }, 0);
    this.#producerErrors.inc({ code: 'context' }, 0);
    this.#producerErrors.inc({ code: 'client' }, 0);
    this.leading(undefined);
  }

  published(messages: number, milliseconds: number): void {
    this.#published.inc({ result: 'success' }, messages);
    this.#latency.observe(milliseconds / 1000);
    this.#batch.observe(milliseconds / 1000);
  }

  /** @param code `context` when time ran out, `client` when the client or the broker said no */
  batchFailed(code: 'context' | 'client', milliseconds: number): void {
    this.#producerErrors.inc({ code });
    this.#batch.observe(milliseconds / 1000);
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

  deadLetters(jobs: number): void {
    this.#deadLetters.set(jobs);
  }

  slot(sample: { readonly retainedBytes: number; readonly lagBytes: number }): void {
    this.#retained.set(sample.retainedBytes);
    this.#lag.set(sample.lagBytes);
  }

  wal(sample: WalSample): void {
    this.#walUsed.set(sample.usedRatio);
    this.#walBudget.set(sample.budgetBytes);
    this.#fallback.set(sample.pressure === 'fallback' || sample.pressure === 'dropped' ? 1 : 0);
    this.#losses.set(sample.recentLosses);
  }

  /** Commit to decode by the server's clock, decode to acknowledgement by ours: no two clocks are compared. */
  acked(rows: readonly AckedRow[]): void {
    const now = performance.now();
    let messages = 0;
    for (const [index, { row, arrival }] of rows.entries()) {
      messages += row.messageCount;
      if (rows[index + 1]?.arrival === arrival) continue;
      this.#hops.add('decode', arrival.ageMs / 1000, messages);
      this.#hops.add('ack', (now - arrival.readAt) / 1000, messages);
      messages = 0;
    }
  }

  /** What could not be read is left out: an old value would look like a fact. */
  consumerLags(lags: readonly ConsumerLag[]): void {
    this.#consumerLag.reset();
    for (const { topic, group, seconds } of lags) this.#consumerLag.set({ topic, group }, seconds);
  }

  leading(term: bigint | undefined): void {
    this.#leader.set(term === undefined ? 0 : 1);
    this.#term.set(Number(term ?? 0n));
    if (term !== undefined) return;
    // A standby knows none of these, and what it knew as a leader is another's to tell by now.
    for (const gauge of [
      this.#backlog,
      this.#deadLetters,
      this.#retained,
      this.#lag,
      this.#unacked,
      this.#uncleared,
    ])
      gauge.remove();
    this.#consumerLag.reset();
  }

  #counter(name: string, options: { help: string; labelNames?: string[] }): Counter {
    return new Counter({ name, ...options, registers: [this.registry] });
  }

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.registry] });
  }
}
