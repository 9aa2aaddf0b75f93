import { describe, expect, test, vi } from 'vitest';
import { closeApp } from '../../../../functions/compose.ts';
import * as replies from '../../../../functions/http/replies.ts';
import { claimedJob, expectProblem, startApi } from './api.ts';

const api = startApi('polling');

describe('GET /metrics', () => {
  test('counts what this process did, and samples the depths', async () => {
    const done = await claimedJob(api, { type: 'send-email' });
    // The same result again is answered, and not counted again.
    for (const _ of [1, 2])
      expect((await api.post(`/api/v1/jobs/${done.id}/complete`, { token: done.token })).status).toBe(200);
    const dead = await claimedJob(api);
    await api.post(`/api/v1/jobs/${dead.id}/fail`, { token: dead.token, error: 'no', retryable: false });
    await claimedJob(api);
    await api.post('/api/v1/jobs', { type: 'noop', payload: 1 });

    const { text, headers } = await api.get('/metrics');

    expect(headers.get('content-type')).toContain('text/plain');
    for (const line of [
      'jobs_total{type="send-email"} 1',
      'jobs_total{type="noop"} 3',
      'jobs_success_total 1',
      'jobs_failed_total 1',
      'job_latency_seconds_count 1',
      'queue_depth 1',
      'dead_letter_depth 1',
      'worker_busy 1',
      'job_pickup_latency_count 3',
      'lock_wait_seconds_count 3',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect(text).toContain('http_request_duration_seconds_count{route="POST /api/v1/jobs",status="201"} 4');
    expect(text).not.toContain('workflow_engine_');
  });

  test('shows nothing of polling when jobs go through Kafka', async () => {
    vi.stubEnv('WE_DISPATCH_MODE', 'kafka_outbox');
    await closeApp();
    const { text } = await api.get('/metrics');
    vi.stubEnv('WE_DISPATCH_MODE', 'polling');
    await closeApp();

    expect(text).toContain('queue_depth');
    expect(text).not.toMatch(/job_pickup_latency|lock_wait_seconds/);
  });
});

describe('when the database is away', () => {
  test('requests are asked to come again, health is well, and nothing is told of the inside', async () => {
    const dsn = process.env['WE_POSTGRES_DSN'];
    vi.stubEnv('WE_POSTGRES_DSN', 'postgres://secret:secret@127.0.0.1:1/secret');
    await closeApp();
    const refused = await api.post('/api/v1/jobs', { type: 'noop', payload: 1 });
    const health = await api.get('/health');
    const metrics = await api.get('/metrics');
    vi.stubEnv('WE_POSTGRES_DSN', dsn);
    await closeApp();

    expectProblem(refused, 503, 'unavailable');
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.text).not.toMatch(/secret|127\.0\.0\.1/);
    expect(health.json).toEqual({ status: 'ok' });
    expect(metrics.status).toBe(200);
    expect(metrics.text).not.toMatch(/^queue_depth /m);
    expect((await api.post('/api/v1/jobs', { type: 'noop', payload: 1 })).status).toBe(201);
  });
});

describe('POST /api/v1/undecodable-records', () => {
  test('keeps the bytes of each record, once', async () => {
    const record = {
      topic: 't',
      partition: 0,
      offset: '9007199254740993',
      key: null,
      value: 'AP8=',
      reason: 'not a dispatch',
    };
    const first = await api.post('/api/v1/undecodable-records', {
      records: [record, { ...record, offset: 7, key: '' }],
    });
    const again = await api.post('/api/v1/undecodable-records', { records: [record] });

    expect([first.status, first.json]).toEqual([201, { recorded: 2 }]);
    expect(again.status).toBe(201);
    const { rows } = await api.database
      .pool()
      .query('select record_offset, key, value, reason from undecodable_records order by record_offset');
    expect(rows).toEqual([
      { record_offset: '7', key: Buffer.alloc(0), value: Buffer.from([0, 255]), reason: 'not a dispatch' },
      {
        record_offset: '9007199254740993',
        key: null,
        value: Buffer.from([0, 255]),
        reason: 'not a dispatch',
      },
    ]);
  });
});

describe('the documents', () => {
  test('are served, one for machines and one for people', async () => {
    const document = await api.get('/openapi.json');
    const page = await api.get('/docs');
    expect(document.json).toMatchObject({ openapi: '3.1.0' });
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(page.text).toContain('POST /api/v1/jobs');
  });

  test('health is what the health document says', async () => {
    expect(replies.health.parse((await api.get('/health')).json)).toEqual({ status: 'ok' });
  });
});
