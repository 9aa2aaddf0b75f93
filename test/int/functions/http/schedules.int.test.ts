import { describe, expect, test } from 'vitest';
import { createEngineDeps } from '../../../../adapters/system/engine-deps.ts';
import { syncSchedules } from '../../../../engine/commands/schedules.ts';
import { silentLogger } from '../../../../engine/ports/logger.ts';
import { tickSchedules } from '../../../../engine/roles/schedule-ticks.ts';
import { compose } from '../../../../functions/compose.ts';
import * as replies from '../../../../functions/http/replies.ts';
import { schedulePage, scheduleReply } from '../../../../functions/http/schedule-shapes.ts';
import { toSchedules } from '../../../../sdk/schedules.ts';
import { expectProblem, startApi } from './api.ts';

const api = startApi('polling');
const SCHEDULES = '/api/v1/schedules';

function body(name: string, more: Readonly<Record<string, unknown>> = {}) {
  return { name, cron: '30 2 * * *', time_zone: 'Europe/Berlin', type: 'noop', payload: { n: 1 }, ...more };
}

async function made(name: string, more: Readonly<Record<string, unknown>> = {}) {
  const answer = await api.post(SCHEDULES, body(name, more));
  expect(answer.status).toBe(201);
  return scheduleReply.parse(answer.json);
}

async function send(method: string, path: string, value?: unknown) {
  const sent = value === undefined ? {} : { body: JSON.stringify(value) };
  return api.raw({
    method,
    path: `${SCHEDULES}${path}`,
    headers: { 'content-type': 'application/json' },
    ...sent,
  });
}

async function get(name: string) {
  return scheduleReply.parse((await api.get(`${SCHEDULES}/${name}`)).json);
}

describe('schedules over HTTP', () => {
  test('one is made, with its next tick told, shown, listed and removed', async () => {
    const schedule = await made('made');
    expect(schedule).toMatchObject({ missed: 'run_once', enabled: true, source: 'api', last_run_at: null });
    expect(Date.parse(schedule.next_run_at ?? '')).toBeGreaterThan(Date.now());
    expect(await get('made')).toEqual(schedule);
    const page = schedulePage.parse((await api.get(`${SCHEDULES}?limit=1000`)).json);
    expect(page.schedules.map(({ name }) => name)).toContain('made');
    const removed = await send('DELETE', '/made');
    expect([removed.status, removed.text]).toEqual([204, '']);
    expectProblem(await api.get(`${SCHEDULES}/made`), 404, 'not_found');
  });

  test('pages go by the cursor', async () => {
    for (const name of ['page-1', 'page-2', 'page-3']) await made(name);
    const names: string[] = [];
    for (let query = '?limit=1'; query; ) {
      const page = schedulePage.parse((await api.get(`${SCHEDULES}${query}`)).json);
      names.push(...page.schedules.map(({ name }) => name));
      query = page.next_cursor === null ? '' : `?limit=1&cursor=${page.next_cursor}`;
    }
    expect(names.filter((name) => name.startsWith('page-'))).toEqual(['page-1', 'page-2', 'page-3']);
  });

  test('a name is taken once, and faults name their field', async () => {
    await made('taken');
    expectProblem(await api.post(SCHEDULES, body('taken')), 409, 'schedule_exists');
    expectProblem(await api.post(SCHEDULES, body('x', { cron: '61 * * * *' })), 400, 'invalid_request', [
      'cron',
    ]);
    const moon = body('x', { time_zone: 'Moon/Base' });
    expectProblem(await api.post(SCHEDULES, moon), 400, 'invalid_request', ['time_zone']);
    expectProblem(await api.post(SCHEDULES, body('a/b')), 400, 'invalid_request', ['name']);
    expectProblem(await api.post(SCHEDULES, body('x', { type: 'nobody' })), 422, 'unknown_job_type');
    expectProblem(await send('PATCH', '/nobody', { enabled: false }), 404, 'not_found');
    expectProblem(await send('PATCH', '/taken', { cron: 'soon' }), 400, 'invalid_request', ['cron']);
  });

  test('a change keeps the rest; a pause takes the next tick away, and going on plans from now', async () => {
    const before = await made('changed', { partition_key: 'p', retry: { base_ms: 5 } });
    const changed = await send('PATCH', '/changed', { payload: { big: 1 }, partition_key: null });
    expect(scheduleReply.parse(changed.json)).toEqual({
      ...before,
      payload: { big: 1 },
      partition_key: null,
      updated_at: expect.any(String),
    });
    expect((await send('PATCH', '/changed', { enabled: false })).json).toMatchObject({ next_run_at: null });
    expect((await send('PATCH', '/changed', { cron: '0 4 * * *' })).json).toMatchObject({
      next_run_at: null,
    });
    const on = scheduleReply.parse((await send('PATCH', '/changed', { enabled: true })).json);
    expect(Date.parse(on.next_run_at ?? '')).toBeGreaterThan(Date.now());
    expect(on.next_run_at).not.toBe(before.next_run_at);
  });

  test('its job can be run now, paused or not', async () => {
    await made('now', { enabled: false, payload: { from: 'schedule' }, max_retries: 1 });
    const job = await send('POST', '/now/run', {});
    expect(job.status).toBe(201);
    expect(replies.job.parse(job.json)).toMatchObject({
      status: 'queued',
      payload: { from: 'schedule' },
      max_retries: 1,
    });
  });

  test('its tick wakes the duties, which enqueue it, and whoever waits for its job', async () => {
    const stop = new AbortController();
    const duties = compose().duties(stop.signal);
    await made('each-second', { cron: '* * * * * *', type: 'send-email' });
    const poll = { types: ['send-email'], worker_id: 'w', wait_ms: 10_000 };
    const { json } = await api.post('/api/v1/jobs/poll', poll);
    const [taken] = replies.polled.parse(json).jobs;
    expect(taken?.job.idempotency_key).toMatch(/^schedule\/each-second\/20.+:\d\d\.000Z$/);
    await send('DELETE', '/each-second');
    stop.abort();
    await duties;
  });
});

describe('ticks on PostgreSQL', () => {
  test('leaders side by side enqueue each tick once, and all that was missed', async () => {
    await made('missed', { cron: '0 * * * *', missed: 'run_all', missed_limit: 5, type: 'extract' });
    await api.database
      .pool()
      .query(
        `update schedules set next_run_at = clock_timestamp() - interval '30 hours' where name = 'missed'`,
      );
    const leaders = Array.from({ length: 5 }, () => createEngineDeps(compose().deps.store, 'polling'));
    await Promise.all(leaders.map((deps) => tickSchedules(deps, 100, silentLogger)));
    const { rows } = await api.database
      .pool()
      .query("select idempotency_key from jobs where type = 'extract' order by idempotency_key");
    expect(rows).toHaveLength(5);
    expect((await get('missed')).last_run_at).toBe(
      String(rows[4].idempotency_key).slice('schedule/missed/'.length),
    );
  });
});

describe('schedules that a service declares', () => {
  const types = ['process'];
  const nightly = { cron: '0 3 * * *', type: 'process', payload: { a: 1 } };
  const sync = (declared: Parameters<typeof toSchedules>[0]) =>
    syncSchedules(createEngineDeps(compose().deps.store, 'polling'), {
      types,
      declared: toSchedules(declared),
    });

  test('are made at a start, changed at the next, and removed once they are gone; a pause stays', async () => {
    await sync({ nightly, weekly: { ...nightly, cron: '0 3 * * 0' } });
    expect(await get('nightly')).toMatchObject({ source: 'config', enabled: true, payload: { a: 1 } });
    await send('PATCH', '/nightly', { enabled: false });
    await sync({ nightly: { ...nightly, payload: { a: 2 } } });
    expect(await get('nightly')).toMatchObject({ enabled: false, payload: { a: 2 } });
    expect((await api.get(`${SCHEDULES}/weekly`)).status).toBe(404);
    const { updated_at } = await get('nightly');
    await sync({ nightly: { ...nightly, payload: { a: 2 } } });
    expect((await get('nightly')).updated_at).toBe(updated_at);
  });

  test('leave alone what others made', async () => {
    await made('by-hand', { type: 'process' });
    await sync({ other: { ...nightly, type: 'process' } });
    expect((await get('by-hand')).source).toBe('api');
  });

  test('are refused with the name of the faulty one', async () => {
    await expect(sync({ broken: { ...nightly, cron: 'soon' } })).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('Schedule "broken": cron'),
    });
  });
});
