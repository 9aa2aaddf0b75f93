import { beforeAll, describe, expect, test } from 'vitest';
import * as shapes from '../../../../functions/http/insight-shapes.ts';
import { claimedJob, startApi } from './api.ts';

const api = startApi('kafka_outbox');

describe('what people look at', () => {
  let dead: string;

  beforeAll(async () => {
    await api.database.pool().query(`update millrace_settings set dispatch_mode = 'kafka_outbox'`);
    const done = await claimedJob(api);
    await api.post(`/api/v1/jobs/${done.id}/complete`, { token: done.token });
    const failed = await claimedJob(api, { max_retries: 0, payload: { to: 'Grace' } });
    await api.post(`/api/v1/jobs/${failed.id}/fail`, { token: failed.token, error: 'no' });
    dead = failed.id;
    await claimedJob(api);
    await api.post('/api/v1/jobs', { type: 'notify', payload: {} });
    await api.post('/api/v1/jobs', { type: 'notify', payload: {}, run_at: '2999-01-01T00:00:00Z' });
    await api.database.pool().query(`
      insert into relay_state (slot_name, term, leader, system_id, timeline, confirmed_lsn)
      values ('millrace_outbox', 3, 'relay-a', '1', 1, '0/16B3748')
    `);
  });

  test('the overview counts, names the leader, and has rates', async () => {
    const { status, json } = await api.get('/api/v1/overview');
    expect(status).toBe(200);
    const overview = shapes.overview.parse(json);
    expect(overview).toMatchObject({
      mode: 'kafka_outbox',
      queued: 1,
      running: 1,
      waiting: 1,
      dead_letters: 1,
    });
    expect(overview).toMatchObject({ backlog_messages: 4, running_workflows: 0, fallback: false });
    expect(overview.leaders).toEqual([{ name: 'millrace_outbox', leader: 'relay-a', term: '3' }]);
    expect(overview.recent.accepted).toHaveLength(60);
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    expect([sum(overview.recent.accepted), sum(overview.recent.completed)]).toEqual([5, 1]);
    expect(overview.recent.latency_p50_ms).toBeGreaterThan(0);
  });

  test('the relay is shown with a slot that the server has lost', async () => {
    const relay = shapes.relay.parse((await api.get('/api/v1/relay')).json);
    expect(relay).toMatchObject({ mode: 'kafka_outbox', shards: 1, undecodable_records: 0 });
    expect(relay.slots).toMatchObject([
      { slot: 'millrace_outbox', leader: 'relay-a', term: '3', watermark: '0/16B3748', active: null },
    ]);
  });

  test('each type has its topic, group and load', async () => {
    const { types } = shapes.types.parse((await api.get('/api/v1/types')).json);
    expect(types.map(({ type }) => type)).toEqual(['extract', 'noop', 'notify', 'process', 'send-email']);
    const [noop, notify] = [types[1], types[2]];
    expect(noop).toMatchObject({ queued: 0, running: 1, workers: 1, dead_letters: 1 });
    expect(notify).toMatchObject({
      topic: 'workflow.jobs.notify',
      group: 'workflow.workers.notify',
      queued: 1,
    });
  });

  test('jobs are found by text and by when they were created', async () => {
    const found = async (query: string) => (await api.get(`/api/v1/jobs?${query}`)).json['jobs'];
    expect(await found('text=grace')).toMatchObject([{ id: dead }]);
    expect(await found('created_after=2999-01-01T00:00:00Z')).toEqual([]);
    expect(await found('created_before=1999-01-01T00:00:00Z')).toEqual([]);
    expect(
      await found('created_after=1999-01-01T00:00:00Z&created_before=2999-01-01T00:00:00Z'),
    ).toHaveLength(5);
  });

  test('a page goes on after its cursor also where a time bounds it', async () => {
    const query = 'limit=2&created_before=2999-01-01T00:00:00Z';
    const first = (await api.get(`/api/v1/jobs?${query}`)).json;
    const second = (await api.get(`/api/v1/jobs?${query}&cursor=${String(first['next_cursor'])}`)).json;
    const ids = [first, second].flatMap(({ jobs }) => (jobs as { id: string }[]).map(({ id }) => id));
    expect(new Set(ids).size).toBe(4);
  });
});
