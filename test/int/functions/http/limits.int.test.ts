import { beforeAll, describe, expect, test, vi } from 'vitest';
import { reclaimStaleJobs } from '../../../../engine/roles/stale-leases.ts';
import { compose } from '../../../../functions/compose.ts';
import * as replies from '../../../../functions/http/replies.ts';
import { waitFor } from '../../../helpers/wait-for.ts';
import { expectProblem, startApi } from './api.ts';

// Nothing is found by looking now and then: what is not woken stays.
beforeAll(() => {
  vi.stubEnv('WE_TICK_INTERVAL', '10m');
});
const api = startApi('polling');

async function withDuties(use: () => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const duties = compose().duties(stop.signal);
  try {
    await use();
  } finally {
    stop.abort();
    await duties;
  }
}

async function take(type: string, more: Readonly<Record<string, unknown>> = {}) {
  const { json } = await api.post('/api/v1/jobs/poll', {
    types: [type],
    worker_id: 'w',
    wait_ms: 500,
    ...more,
  });
  return replies.polled.parse(json).jobs;
}

async function statuses(type: string): Promise<unknown> {
  const { rows } = await api.database
    .pool()
    .query('select status, count(*)::integer as count from jobs where type = $1 group by status', [type]);
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}

describe('a concurrency limit', () => {
  test('is never exceeded by racing workers, and no job is left waiting', async () => {
    await withDuties(async () => {
      const jobs = Array.from({ length: 60 }, (_, index) => ({
        type: 'noop',
        payload: { index },
        concurrency: { key: `tenant-${index % 2}`, limit: 3 },
      }));
      expect((await api.post('/api/v1/jobs/batch', { jobs })).status).toBe(201);
      const running = new Map<string, number>();
      let [most, done] = [0, 0];
      const worker = async () => {
        while (done < jobs.length) {
          for (const { job, token } of await take('noop', { limit: 2 })) {
            const key = job.concurrency?.key ?? '';
            running.set(key, (running.get(key) ?? 0) + 1);
            most = Math.max(most, running.get(key) ?? 0);
            await new Promise(setImmediate);
            running.set(key, (running.get(key) ?? 0) - 1);
            const settled = await api.post(`/api/v1/jobs/${job.id}/complete`, { token });
            expect(settled.status).toBe(200);
            done += 1;
          }
        }
      };
      await Promise.all(Array.from({ length: 10 }, worker));
      expect(most).toBeLessThanOrEqual(3);
      expect(most).toBeGreaterThan(1);
    });
    expect(await statuses('noop')).toEqual({ completed: 60 });
  });

  test('gives the place of a worker that died to the next, once its lease has run out', async () => {
    await withDuties(async () => {
      const limited = { type: 'extract', payload: 1, max_retries: 0, concurrency: { key: 'one', limit: 1 } };
      for (let index = 0; index < 2; index += 1) await api.post('/api/v1/jobs', limited);
      const [first] = await take('extract', { wait_ms: 10_000, lease_seconds: 1 });
      expect(await take('extract', { wait_ms: 0 })).toEqual([]);
      await waitFor(async () => (await reclaimStaleJobs(compose().deps, 10)) === 1, { within: 10_000 });
      const [second] = await take('extract', { wait_ms: 10_000 });
      expect(second?.job.id).not.toBe(first?.job.id);
      expect(await statuses('extract')).toEqual({ dead_letter: 1, running: 1 });
    });
  });

  test('holds for a job that is cancelled, failed and redriven', async () => {
    await withDuties(async () => {
      const limited = {
        type: 'process',
        payload: 1,
        max_retries: 0,
        concurrency: { key: 'redrive', limit: 1 },
      };
      const ids: unknown[] = [];
      for (let index = 0; index < 3; index += 1)
        ids.push((await api.post('/api/v1/jobs', limited)).json['id']);
      const [first] = await take('process', { wait_ms: 10_000 });
      await api.post(`/api/v1/jobs/${first?.job.id}/fail`, { token: first?.token, error: 'no' });
      await waitFor(async () => (await api.get(`/api/v1/jobs/${ids[1]}`)).json['status'] === 'queued', {
        within: 15_000,
      });
      const again = await api.post(`/api/v1/jobs/${first?.job.id}/retry`, {});
      expect(again.json).toMatchObject({ status: 'pending' });
      await api.post(`/api/v1/jobs/${ids[1]}/cancel`, {});
      const [next] = await take('process', { wait_ms: 10_000 });
      expect(next?.job.id).toBe(ids[0]);
      expect(await take('process', { wait_ms: 0 })).toEqual([]);
    });
  });
});

describe('a rate limit', () => {
  test('lets no more start within its span, and the next one once the first is that old', async () => {
    await withDuties(async () => {
      const limited = { type: 'notify', payload: 1, rate: { key: 'mails', limit: 2, per_seconds: 1 } };
      await api.post('/api/v1/jobs/batch', { jobs: Array.from({ length: 5 }, () => limited) });
      const starts: number[] = [];
      while (starts.length < 5) {
        for (const { job, token } of await take('notify', { wait_ms: 5_000 })) {
          starts.push(Date.parse(job.started_at ?? ''));
          await api.post(`/api/v1/jobs/${job.id}/complete`, { token });
        }
      }
      // By the database's own times; the API shows whole milliseconds.
      for (const [index, start] of starts.slice(2).entries()) {
        expect(start - (starts[index] ?? 0)).toBeGreaterThanOrEqual(999);
      }
    });
  });

  test('is refused where it makes no sense, with the field', async () => {
    const bad = (more: object) => api.post('/api/v1/jobs', { type: 'noop', payload: 1, ...more });
    expectProblem(await bad({ concurrency: { key: 'k', limit: 0 } }), 400, 'invalid_request', [
      'concurrency.limit',
    ]);
    const slow = { key: 'k', limit: 1, per_seconds: 90_000 };
    expectProblem(await bad({ rate: slow }), 400, 'invalid_request', ['rate.per_seconds']);
  });
});
