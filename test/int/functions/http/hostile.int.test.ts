import { describe, expect, test } from 'vitest';
import { claimedJob, expectProblem, startApi } from './api.ts';

const api = startApi('kafka_outbox');

describe('a job', () => {
  test('of a type that every object has is of an unknown type', async () => {
    for (const type of ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'prototype']) {
      expectProblem(await api.post('/api/v1/jobs', { type, payload: {} }), 422, 'unknown_job_type');
    }
  });

  test('with keys that poison prototypes goes through as it is, and poisons nothing', async () => {
    const payload = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
    const { status, text } = await api.post('/api/v1/jobs', `{"type":"noop","payload":${payload}}`);
    expect(status).toBe(201);
    expect(text).toContain(payload);
    expect('polluted' in {}).toBe(false);
  });

  test('with SQL in every field is text in every field', async () => {
    const hostile = "'; drop table jobs; --";
    const body = { type: 'noop', payload: hostile, idempotency_key: hostile, partition_key: `"${hostile}` };
    expect((await api.post('/api/v1/jobs', body)).status).toBe(201);
    for (const name of ['text', 'type', 'cursor', 'created_after', 'status']) {
      const { status } = await api.get(`/api/v1/jobs?${name}=${encodeURIComponent(hostile)}`);
      expect([200, 400]).toContain(status);
    }
    const { rows } = await api.database
      .pool()
      .query('select count(*)::int as n from jobs where idempotency_key = $1', [hostile]);
    expect(rows).toEqual([{ n: 1 }]);
  });

  test('cannot have more keys, more bytes or more levels than the limits, whatever they cost to read', async () => {
    const keys = `{"type":"noop","payload":{${Array.from({ length: 100_000 }, (_, at) => `"k${at}":0`).join()}}}`;
    expectProblem(await api.post('/api/v1/jobs', keys), 413, 'body_too_large');
    const levels = `{"type":"noop","payload":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
    expectProblem(await api.post('/api/v1/jobs', levels), 400, 'invalid_request');
    const zipped = await api.raw({
      method: 'POST',
      path: '/api/v1/jobs',
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: Buffer.from('H4sIAAAAAAAAA6uuBQBDv6ajAgAAAA==', 'base64'),
    });
    expect(zipped.status).toBe(400);
  });
});

describe('a completion', () => {
  test('with a token that is guessed, of another job, or of an earlier attempt counts nowhere', async () => {
    const one = await claimedJob(api);
    const other = await claimedJob(api);
    const guess = '00000000-0000-4000-8000-000000000000';
    for (const token of [guess, other.token]) {
      expectProblem(
        await api.post(`/api/v1/jobs/${one.id}/complete`, { token, result: 1 }),
        409,
        'stale_token',
      );
    }
    expect((await api.get(`/api/v1/jobs/${one.id}`)).json['status']).toBe('running');
  });

  test('has a token that only the claimant is ever shown', async () => {
    const { id, token } = await claimedJob(api);
    const seen = await Promise.all(
      [`/api/v1/jobs/${id}`, '/api/v1/jobs?limit=100', '/api/v1/overview', '/metrics'].map((path) =>
        api.get(path),
      ),
    );
    expect(seen.filter(({ text }) => text.includes(token))).toEqual([]);
  });
});

test('what ends work or brings it back leaves an audit entry that says who and why', async () => {
  const by = { actor: 'ada', reason: 'because' };
  const { id, token } = await claimedJob(api, { max_retries: 0 });
  await api.post(`/api/v1/jobs/${id}/fail`, { token, error: 'x' });
  await api.post(`/api/v1/jobs/${id}/retry`, by);
  await api.post(`/api/v1/jobs/${id}/cancel`, by);
  const { json } = await api.get(`/api/v1/jobs/${id}`);
  const trail = json['audit'] as { actor: string; action: string; detail: unknown }[];
  const ofAda = trail.filter(({ actor }) => actor === 'ada');
  expect(ofAda).toHaveLength(2);
  expect(ofAda.every(({ detail }) => JSON.stringify(detail).includes('because'))).toBe(true);
});

test('a row that is larger than the relay takes is refused by the database itself', async () => {
  const insert = api.database
    .pool()
    .query(
      `insert into dispatch_outbox (topic, message_count, messages) values ('workflow.jobs.noop', 1, decode(repeat('00', 2097153), 'hex'))`,
    );
  await expect(insert).rejects.toMatchObject({ constraint: 'dispatch_outbox_messages_size' });
});
