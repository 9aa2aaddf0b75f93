import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DispatchMode } from '../../engine/deps.ts';
import { describeKafka } from '../helpers/kafka.ts';
import { failOnLeftoverProcesses } from '../helpers/leaks.ts';
import type { ReceivedSpan } from '../helpers/otlp-receiver.ts';
import { documentedMetrics, seriesValue } from '../helpers/prometheus.ts';
import { waitFor } from '../helpers/wait-for.ts';
import { CANARY, type ObservedStack, startObserved } from './observed-stack.ts';

failOnLeftoverProcesses();

const SOON = { within: 30_000 };
const CALLER = { trace: 'a'.repeat(32), span: 'b'.repeat(16) };

/** What both modes promise alike. */
function observed(mode: DispatchMode): { readonly stack: ObservedStack } {
  const held: { stack?: ObservedStack } = {};
  const running = {
    get stack(): ObservedStack {
      if (!held.stack) throw new Error('the stack has not started');
      return held.stack;
    },
  };
  const destination = (type: string) => (mode === 'kafka_outbox' ? `workflow.jobs.${type}` : type);

  beforeAll(async () => {
    held.stack = await startObserved(mode);
  });

  afterAll(async () => {
    await held.stack?.[Symbol.asyncDispose]();
  });

  async function ended(path: string, status: string): Promise<void> {
    await waitFor(async () => (await running.stack.get(path))['status'] === status, {
      ...SOON,
      what: `${path} to be ${status}`,
    });
  }

  /** Once all of these names have come. */
  async function trace(traceId: string, names: readonly string[]): Promise<ReceivedSpan[]> {
    const wanted = [...names].sort();
    const spans = () => running.stack.receiver.spans.filter((span) => span.traceId === traceId);
    return waitFor(
      () => {
        const found = spans();
        const seen = found.map(({ name }) => name).sort();
        if (seen.join() !== wanted.join()) throw new Error(`so far: ${seen.join(', ') || 'none'}`);
        return found;
      },
      { ...SOON, what: 'the spans of the trace' },
    );
  }

  test("a workflow of three steps is one tree: its root, a child for each step, below it the user's own", async () => {
    const workflow = await running.stack.post('/api/v1/workflows', {
      name: 'pipeline',
      steps: [
        { name: 'extract', type: 'extract', payload: { source: CANARY } },
        { name: 'process', type: 'process' },
        { name: 'notify', type: 'notify' },
      ],
    });
    await ended(`/api/v1/workflows/${workflow['id']}`, 'completed');
    const root = await waitFor(
      () =>
        running.stack.receiver.spans.find(
          ({ attributes, name }) =>
            name === 'workflow pipeline' && attributes['millrace.workflow.id'] === workflow['id'],
        ),
      SOON,
    );
    expect(root).toMatchObject({ service: 'millrace-api' });
    const types = ['extract', 'process', 'notify'].map(destination);
    const steps = types.flatMap((type) => [`process ${type}`, `settle ${type}`]);
    const whole = ['create pipeline', 'workflow pipeline', 'a query of my own', ...steps];
    const spans = await trace(root.traceId, whole);

    const parentOf = (name: string) => {
      const parent = spans.find(({ name: own }) => own === name)?.parentSpanId;
      return spans.find(({ spanId }) => spanId === parent)?.name;
    };
    for (const type of types) {
      expect(parentOf(`process ${type}`)).toBe('workflow pipeline');
      expect(parentOf(`settle ${type}`)).toBe(`process ${type}`);
    }
    expect(parentOf('a query of my own')).toBe(`process ${destination('process')}`);
    expect(parentOf('workflow pipeline')).toBe('create pipeline');
    expect(spans.find(({ name }) => name === 'create pipeline')?.parentSpanId).toBe('');
    const attempts = spans.filter(({ name }) => name.startsWith('process '));
    for (const { startNs } of attempts) {
      expect(startNs >= root.startNs && startNs < root.endNs).toBe(true);
    }
    for (const { service, attributes } of attempts) {
      expect(service).toBe('millrace-worker');
      expect(attributes).toMatchObject({
        'messaging.system': mode === 'kafka_outbox' ? 'kafka' : 'postgresql',
        'messaging.operation.type': 'process',
        'millrace.workflow.id': workflow['id'],
        'millrace.job.attempt': 1,
        'millrace.attempt.outcome': 'complete',
      });
    }
    const byStart = attempts.sort((a, b) => (a.startNs < b.startNs ? -1 : 1)).map(({ name }) => name);
    expect(byStart).toEqual(types.map((type) => `process ${type}`));
  });

  test("a job alone goes on with its caller's trace", async () => {
    const headers = { traceparent: `00-${CALLER.trace}-${CALLER.span}-01` };
    const job = await running.stack.post('/api/v1/jobs', { type: 'noop', payload: { x: CANARY } }, headers);
    const names = ['create', 'process', 'settle'].map((step) => `${step} ${destination('noop')}`);
    const spans = await trace(CALLER.trace, names);
    const create = spans.find(({ name }) => name.startsWith('create'));
    expect(create).toMatchObject({
      parentSpanId: CALLER.span,
      attributes: { 'messaging.message.id': job['id'] },
    });
    expect(spans.find(({ name }) => name.startsWith('process'))?.parentSpanId).toBe(create?.spanId);
  });

  test('each attempt of a job is a span of the one trace, linked to the attempt before; its log lines carry the ids', async () => {
    const body = {
      type: 'flaky',
      payload: { failure_rate: 1, note: CANARY },
      max_retries: 1,
      retry: { base_ms: 50 },
    };
    const job = await running.stack.post('/api/v1/jobs', body);
    await ended(`/api/v1/jobs/${job['id']}`, 'dead_letter');
    const created = await waitFor(
      () =>
        running.stack.receiver.spans.find(
          ({ name, attributes }) =>
            name.startsWith('create') && attributes['messaging.message.id'] === job['id'],
        ),
      SOON,
    );
    const twice = ['process', 'settle'].map((step) => `${step} ${destination('flaky')}`);
    const spans = await trace(created.traceId, [created.name, ...twice, ...twice]);
    const attempts = spans
      .filter(({ name }) => name.startsWith('process'))
      .sort(
        (a, b) => Number(a.attributes['millrace.job.attempt']) - Number(b.attributes['millrace.job.attempt']),
      );
    expect(attempts.map(({ isError }) => isError)).toEqual([true, true]);
    expect(attempts[0]?.links).toEqual([]);
    expect(attempts[1]?.links).toEqual([{ traceId: created.traceId, spanId: attempts[0]?.spanId }]);

    const lines = [...(await running.stack.logs()).entries()]
      .filter(([name]) => name.startsWith('worker'))
      .flatMap(([, text]) => text.split('\n').filter((line) => line.startsWith('{')))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter((line) => line['job_id'] === job['id'] && line['msg'] === 'an attempt failed');
    expect(lines.map(({ attempt, trace_id }) => ({ attempt, trace_id }))).toEqual([
      { attempt: 1, trace_id: created.traceId },
      { attempt: 2, trace_id: created.traceId },
    ]);
  });

  test('every metric on every page is documented for this mode, with its type and labels', async () => {
    const ofMode = documentedMetrics().filter(({ modes }) => modes.includes(mode));
    const known = new Map(ofMode.map((metric) => [metric.name, metric]));
    for (const page of [await running.stack.page('api'), await running.stack.page('dev')]) {
      for (const { name, type, samples } of page.values()) {
        expect(known.get(name), name).toMatchObject({ type });
        const labels = samples
          .flatMap((sample) => Object.keys(sample.labels))
          .filter((label) => label !== 'le');
        expect(known.get(name)?.labels).toEqual(expect.arrayContaining(labels));
      }
    }
    const api = await running.stack.page('api');
    expect(seriesValue(api, 'jobs_total', { type: 'noop' })).toBe(1);
    expect(seriesValue(api, 'jobs_success_total')).toBe(4);
    expect(seriesValue(api, 'jobs_failed_total')).toBe(2);
    expect(seriesValue(api, 'job_run_seconds')).toBe(4);
    expect(seriesValue(api, 'dead_letter_depth')).toBe(1);
  });

  test('neither a secret of the settings nor a payload is in any log, span or metric', async () => {
    const logs = [...(await running.stack.logs()).values()].join('\n');
    expect(logs).toContain('"level"');
    expect(logs).not.toContain(CANARY);
    expect(
      JSON.stringify(running.stack.receiver.spans, (_, value) => (typeof value === 'bigint' ? 0 : value)),
    ).not.toContain(CANARY);
  });
  return running;
}

describe('polling mode, observed', () => {
  const running = observed('polling');

  test('shows how long jobs waited and what taking them cost', async () => {
    const page = await running.stack.page('api');
    expect(seriesValue(page, 'job_pickup_latency')).toBeGreaterThanOrEqual(6);
    expect(seriesValue(page, 'lock_wait_seconds')).toBeGreaterThanOrEqual(6);
  });
});

describeKafka('kafka_outbox mode, observed', () => {
  const running = observed('kafka_outbox');
  const step = { topic: 'workflow.jobs.noop', group: 'workflow.workers.noop' };

  test('every hop is measured, for every message', async () => {
    const [relay, api] = [await running.stack.page('dev'), await running.stack.page('api')];
    const published = seriesValue(relay, 'workflow_engine_dispatch_relay_publish_total', {
      result: 'success',
    });
    expect(published).toBeGreaterThanOrEqual(6);
    expect(seriesValue(relay, 'workflow_engine_hop_seconds', { hop: 'decode' })).toBe(published);
    expect(seriesValue(relay, 'workflow_engine_hop_seconds', { hop: 'ack' })).toBe(published);
    expect(seriesValue(api, 'workflow_engine_hop_seconds', { hop: 'claim' })).toBe(published);
    expect(seriesValue(relay, 'workflow_engine_dispatch_relay_leader')).toBe(1);
  });

  test('the relay has a span for a batch, linked to the messages in it', async () => {
    const linked = running.stack.receiver.spans.find(
      ({ name, links }) =>
        name === 'send workflow.jobs.noop' && links.some(({ traceId }) => traceId === CALLER.trace),
    );
    expect(linked).toMatchObject({
      service: 'millrace-relay',
      parentSpanId: '',
      attributes: { 'messaging.system': 'kafka', 'messaging.batch.message_count': 1, 'millrace.packs': 1 },
    });
  });

  test('the lag of a step grows while its worker stands still, and is gone when it has caught up', async () => {
    const lag = async () =>
      seriesValue(await running.stack.page('dev'), 'workflow_engine_kafka_consumer_lag_seconds', step);
    await waitFor(async () => (await lag()) === 0, { ...SOON, what: 'no lag' });
    const worker = running.stack.pids['worker'] ?? 0;
    process.kill(worker, 'SIGSTOP');
    try {
      await running.stack.post('/api/v1/jobs', { type: 'noop', payload: {} });
      const first = await waitFor(async () => ((await lag()) ?? 0) > 0 && (await lag()), {
        ...SOON,
        what: 'lag',
      });
      await waitFor(async () => ((await lag()) ?? 0) > Number(first) + 0.5, {
        ...SOON,
        what: 'the lag to grow',
      });
    } finally {
      process.kill(worker, 'SIGCONT');
    }
    await waitFor(async () => (await lag()) === 0, { ...SOON, what: 'no lag again' });
  });
});
