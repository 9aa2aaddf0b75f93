import { Agent, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPostgresRecordStore } from '../../../../adapters/postgres/record-store.ts';
import type { StepId } from '../../../../events/ids.ts';
import { startApi } from './api.ts';

/** What the Go client, the seeder and the load tests of the engine seed send, and what they demand of the answers. */
const api = startApi('polling');
const SEED_TYPES = ['default', 'compute', 'notify', 'transform', 'flaky', 'extract'] as StepId[];
beforeAll(() => createPostgresRecordStore(api.database.pool()).registerTypes(SEED_TYPES));

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

describe('the client of the engine seed', () => {
  test('reads a job that it has enqueued, with the types that it decodes them into', async () => {
    const body = { type: 'compute', payload: { iterations: 100 }, max_retries: 2, idempotency_key: '' };
    const created = await api.post('/api/v1/jobs', body);
    expect(created.status).toBe(201);
    const again = await api.get(`/api/v1/jobs/${String(created.json['id'])}`);
    expect(again.status).toBe(200);
    for (const { json } of [created, again]) {
      expect(json['id']).toMatch(UUID);
      expect(json['created_at']).toMatch(RFC_3339);
      expect(json).toMatchObject({ type: 'compute', status: 'queued', attempt: 0, max_retries: 2 });
      // Go leaves a string as it is where JSON says null, and refuses any other type.
      expect([null, expect.any(String)]).toContainEqual(json['idempotency_key']);
      expect(json['payload']).toEqual({ iterations: 100 });
    }
  });

  test('gives every job without a key, or with an empty one, a row of its own', async () => {
    const body = { type: 'default', payload: null, max_retries: 3, idempotency_key: '' };
    const [one, other] = [await api.post('/api/v1/jobs', body), await api.post('/api/v1/jobs', body)];
    expect(one.json['id']).not.toBe(other.json['id']);
  });

  test('gets the first job again under a key that it has used, and that job is there', async () => {
    const body = { type: 'notify', payload: {}, max_retries: 3, idempotency_key: 'seed-1' };
    const [one, other] = [await api.post('/api/v1/jobs', body), await api.post('/api/v1/jobs', body)];
    expect([one.status, other.status]).toEqual([201, 201]);
    expect(other.json['id']).toBe(one.json['id']);
    expect((await api.get(`/api/v1/jobs/${String(other.json['id'])}`)).status).toBe(200);
  });

  test('reads a workflow that it has started, also one whose steps have no payload', async () => {
    const steps = [
      { name: 'extract', type: 'transform', payload: { source: 'database' }, max_retries: 2 },
      { name: 'compute', type: 'compute', payload: null, max_retries: 2 },
      { name: 'notify', type: 'notify', max_retries: 1 },
    ];
    const created = await api.post('/api/v1/workflows', { name: 'pipeline-1', steps });
    expect(created.status).toBe(201);
    const again = await api.get(`/api/v1/workflows/${String(created.json['id'])}`);
    for (const { json } of [created, again]) {
      expect(json['id']).toMatch(UUID);
      expect(json['created_at']).toMatch(RFC_3339);
      expect(json).toMatchObject({ name: 'pipeline-1', status: 'running', current_step: 0, total_steps: 3 });
    }
    expect(again.json).toMatchObject({ completed_at: null });
  });

  test('is told apart what is malformed and what is not there', async () => {
    expect((await api.post('/api/v1/jobs', '{')).status).toBe(400);
    expect((await api.post('/api/v1/jobs', { payload: {} })).status).toBe(400);
    expect((await api.post('/api/v1/workflows', { name: 'x', steps: [] })).status).toBe(400);
    expect((await api.get('/api/v1/jobs/nope')).status).toBe(400);
    expect((await api.get('/api/v1/jobs/0190f0f0-0000-7000-8000-000000000000')).status).toBe(404);
  });
});

describe('the load test of the engine seed', () => {
  const CONNECTIONS = 400;
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, maxFreeSockets: CONNECTIONS });
  afterAll(() => agent.destroy());

  function post(index: number): Promise<{ readonly status: number; readonly socket: string }> {
    const payload = { load_test: true, index, iterations: 100 };
    const type = index % 5 === 0 ? 'flaky' : ['default', 'compute', 'notify', 'transform'][index % 4];
    const { hostname, port } = new URL(api.url);
    return new Promise((resolve, reject) => {
      const path = '/api/v1/jobs';
      const outgoing = request({ agent, hostname, port, path, method: 'POST' }, (response) => {
        const { localPort } = response.socket;
        response.resume();
        response.once('end', () => resolve({ status: response.statusCode ?? 0, socket: String(localPort) }));
      });
      outgoing.once('error', reject);
      outgoing.end(JSON.stringify({ type, payload, max_retries: 2 }));
    });
  }

  test('keeps 400 connections open, all of which are served, three times each', async () => {
    const sockets = new Set<string>();
    for (let round = 0; round < 3; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: CONNECTIONS }, (_, index) => post(round * CONNECTIONS + index)),
      );
      expect(answers.filter(({ status }) => status !== 201)).toEqual([]);
      for (const { socket } of answers) sockets.add(socket);
    }
    expect(sockets.size).toBeLessThanOrEqual(CONNECTIONS);
    const { rows } = await api.database
      .pool()
      .query<{ count: string }>("select count(*) from jobs where payload::jsonb ? 'load_test'");
    expect(rows).toEqual([{ count: String(3 * CONNECTIONS) }]);
  }, 60_000);
});
