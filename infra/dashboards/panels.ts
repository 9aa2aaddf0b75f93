/** What the dashboard shows. `millrace.json` is made from this, and a test asks a real Prometheus for each expression. */
export interface Panel {
  readonly title: string;
  /** Why somebody looks at it. */
  readonly description: string;
  /** Of Grafana: `ops`, `s`, `bytes`, `short`, `percentunit`. */
  readonly unit: string;
  readonly series: readonly Series[];
  readonly kind?: 'timeseries' | 'stat';
}

export interface Series {
  readonly expression: string;
  /** With `{{label}}` for the value of a label. */
  readonly name: string;
}

export interface Section {
  readonly title: string;
  readonly panels: readonly Panel[];
}

const rate = (metric: string, by = '') => `sum ${by && `by (${by}) `}(rate(${metric}[$__rate_interval]))`;

function quantiles(metric: string, by = ''): Series[] {
  const labels = by ? `le, ${by}` : 'le';
  return [0.5, 0.95, 0.99].map((quantile) => ({
    expression: `histogram_quantile(${quantile}, sum by (${labels}) (rate(${metric}_bucket[$__rate_interval])))`,
    name: `p${quantile * 100}${by && ` {{${by}}}`}`,
  }));
}

const jobs: Section = {
  title: 'Jobs',
  panels: [
    {
      title: 'Throughput',
      description: 'What comes in and what gets done. When the lines part for long, workers are too few.',
      unit: 'ops',
      series: [
        { expression: rate('jobs_total'), name: 'accepted' },
        { expression: rate('jobs_success_total'), name: 'completed' },
        { expression: rate('jobs_failed_total'), name: 'failed attempts' },
      ],
    },
    {
      title: 'Accepted, by type',
      description: 'Which type a peak is of.',
      unit: 'ops',
      series: [{ expression: rate('jobs_total', 'type'), name: '{{type}}' }],
    },
    {
      title: 'Latency from acceptance to completion',
      description: 'Waits and retries included, of the jobs that completed.',
      unit: 's',
      series: quantiles('job_latency_seconds'),
    },
    {
      title: 'Run time of handlers',
      description: 'From the claim to the result: what of the latency is the handlers own.',
      unit: 's',
      series: quantiles('job_run_seconds'),
    },
    {
      title: 'Queue, dead letters, workers',
      description:
        'Jobs that wait for a worker, jobs that failed for good, and jobs that run. Any one process knows all three.',
      unit: 'short',
      series: [
        { expression: 'max(queue_depth)', name: 'queued' },
        { expression: 'max(dead_letter_depth)', name: 'dead letters' },
        { expression: 'max(worker_busy)', name: 'running' },
      ],
    },
    {
      title: 'HTTP API, by status',
      description: 'Requests a second. 429 is a key beyond its rate, 503 a database that is away.',
      unit: 'ops',
      series: [{ expression: rate('http_request_duration_seconds_count', 'status'), name: '{{status}}' }],
    },
    {
      title: 'HTTP API, time to the reply',
      description: 'By route, the slowest hundredth.',
      unit: 's',
      series: [
        {
          expression: `histogram_quantile(0.99, sum by (le, route) (rate(http_request_duration_seconds_bucket[$__rate_interval])))`,
          name: '{{route}}',
        },
      ],
    },
  ],
};

const polling: Section = {
  title: 'Polling mode',
  panels: [
    {
      title: 'Wait for a worker',
      description: 'From queued to claimed.',
      unit: 's',
      series: quantiles('job_pickup_latency'),
    },
    {
      title: 'What a claim costs in the database',
      description: 'It rises with the number of workers when polling comes to its end.',
      unit: 's',
      series: quantiles('lock_wait_seconds'),
    },
  ],
};

const relay: Section = {
  title: 'Relay and Kafka',
  panels: [
    {
      title: 'Leaders',
      description: 'One. With shards: one a shard.',
      unit: 'short',
      kind: 'stat',
      series: [{ expression: 'sum(workflow_engine_dispatch_relay_leader)', name: 'leaders' }],
    },
    {
      title: 'Published',
      description: 'Messages a second, by what the broker said.',
      unit: 'ops',
      series: [
        { expression: rate('workflow_engine_dispatch_relay_publish_total', 'result'), name: '{{result}}' },
      ],
    },
    {
      title: 'Outbox',
      description: 'Committed and not published; published and not cleared.',
      unit: 'short',
      series: [
        { expression: 'sum(workflow_engine_dispatch_outbox_backlog)', name: 'backlog' },
        { expression: 'sum(workflow_engine_dispatch_relay_uncleared_messages)', name: 'not cleared' },
      ],
    },
    {
      title: 'Time from hop to hop, slowest hundredth',
      description: 'commit → decode → ack → claim: where a message waits.',
      unit: 's',
      series: [
        {
          expression: `histogram_quantile(0.99, sum by (le, hop) (rate(workflow_engine_hop_seconds_bucket[$__rate_interval])))`,
          name: '{{hop}}',
        },
      ],
    },
    {
      title: 'Consumer lag',
      description: 'Age of the oldest record that the group has not committed.',
      unit: 's',
      series: [
        { expression: 'max by (topic) (workflow_engine_kafka_consumer_lag_seconds)', name: '{{topic}}' },
      ],
    },
    {
      title: 'Publishing',
      description: 'Time for a batch to be acknowledged.',
      unit: 's',
      series: quantiles('workflow_engine_dispatch_relay_publish_seconds'),
    },
    {
      title: 'Write-ahead log held back',
      description: 'By the slot, and what of it is not confirmed.',
      unit: 'bytes',
      series: [
        { expression: 'max(workflow_engine_dispatch_relay_slot_retained_bytes)', name: 'retained' },
        { expression: 'max(workflow_engine_dispatch_relay_confirmed_lag_bytes)', name: 'not confirmed' },
        { expression: 'max(workflow_engine_dispatch_relay_unacked_bytes)', name: 'not acknowledged' },
        { expression: 'max(workflow_engine_dispatch_wal_budget_bytes)', name: 'budget' },
      ],
    },
    {
      title: 'Budget of the log, used',
      description: 'At 0.8 new jobs fall back to polling, at 0.95 the slot is dropped.',
      unit: 'percentunit',
      series: [
        { expression: 'max(workflow_engine_dispatch_wal_budget_used_ratio)', name: 'used' },
        { expression: 'max(workflow_engine_dispatch_fallback)', name: 'fallback' },
      ],
    },
    {
      title: 'Slots lost, messages published anew',
      description:
        'Slots lost in the last hour; messages a second that came from the table instead of the log, or were left out as known.',
      unit: 'short',
      series: [
        { expression: 'max(workflow_engine_dispatch_slot_losses_last_hour)', name: 'slots lost' },
        { expression: rate('workflow_engine_dispatch_relay_redispatched_total'), name: 'anew' },
        { expression: rate('workflow_engine_dispatch_relay_skipped_total'), name: 'left out' },
      ],
    },
  ],
};

export const sections: readonly Section[] = [jobs, relay, polling];
