import { describe, expect, test } from 'vitest';
import { parsePage, seriesValue } from '../../helpers/prometheus.ts';
import { definition, task } from './definitions.ts';
import type { DialectStack } from './stack.ts';

/** That what stands on the page under the names of the original counts what those names promise. */
export function testMetrics({ mode, api, start, until, post }: DialectStack): void {
  const read = async () => parsePage((await api.get('/metrics')).text);

  /** What each series rose by while the work was done. */
  async function risen(work: () => Promise<unknown>) {
    const before = await read();
    await work();
    const after = await read();
    return (name: string, labels = {}) =>
      (seriesValue(after, name, labels) ?? 0) - (seriesValue(before, name, labels) ?? 0);
  }

  async function waits(): Promise<string> {
    const steps = [
      { id: 'ask', type: 'USER_TASK', nextStep: 'hold' },
      { id: 'hold', type: 'WAIT', nextStep: 'end' },
    ];
    return `instances/${(await start(definition(steps))).id}`;
  }

  describe(`the metrics of the original in mode ${mode}`, () => {
    test('count uploads, starts, retries, steps and ends, each once', async () => {
      const rose = await risen(async () => {
        const begun = await start(definition([task('flaky-task', 'end', { retryCount: 2 })]));
        await until(begun.id, 'COMPLETED');
      });
      expect({
        uploaded: rose('workflow_definitions_uploaded_total'),
        started: rose('workflow_instances_started_total'),
        completed: rose('workflow_instances_completed_total', { outcome: 'completed' }),
        tasks: rose('workflow_steps_executed_total', { step_type: 'SERVICE_TASK' }),
        ends: rose('workflow_steps_executed_total', { step_type: 'END' }),
        retries: rose('job_retries_total'),
        accepted: rose('http_requests_duration_seconds', {
          ...{ method: 'POST', path: '/v1/instances', status: '201' },
        }),
      }).toEqual({ uploaded: 1, started: 1, completed: 1, tasks: 1, ends: 1, retries: 1, accepted: 1 });
    });

    test('time each kind of change, and what waited for rows', async () => {
      const rose = await risen(async () => {
        const begun = await start(definition([task('step-one', 'end')]));
        await until(begun.id, 'COMPLETED');
        const at = await waits();
        await post(`${at}/user-tasks/ask/complete`);
        await post(`${at}/signals/hold`);
        await post(`${await waits()}/cancel`);
      });
      const times = (kind: string) =>
        rose('engine_db_transaction_duration_seconds', { tx_type: `instance.${kind}` });
      expect(['start', 'complete_job', 'complete_user_task', 'signal_wait'].map(times)).toEqual([3, 1, 1, 1]);
      expect(rose('workflow_instances_completed_total', { outcome: 'cancelled' })).toBe(1);
      const waited = { operation: 'instance.for_update' };
      expect(rose('engine_db_lock_wait_duration_seconds', waited)).toBe(4);
    });

    test('show how long jobs waited to be polled where they are polled, and nowhere else', async () => {
      const rose = await risen(async () => {
        const begun = await start(definition([task('step-one', 'end')]));
        await until(begun.id, 'COMPLETED');
      });
      const polls = mode === 'polling';
      expect(rose('engine_job_pickup_latency_seconds')).toBe(polls ? 1 : 0);
      expect(rose('job_poll_latency_seconds') > 0).toBe(polls);
      const page = await read();
      const names = [
        'engine_job_pickup_latency_seconds',
        'job_poll_latency_seconds',
        'job_lock_conflicts_total',
      ];
      expect(names.filter((name) => page.has(name))).toEqual(polls ? names : []);
    });
  });
}
