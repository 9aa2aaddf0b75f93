import { beforeAll, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../../engine/ports/logger.ts';
import { tickSchedules } from '../../../../engine/roles/schedule-ticks.ts';
import { compose } from '../../../../functions/compose.ts';
import { schedulePage } from '../../../../functions/http/schedule-shapes.ts';
import { expectProblem } from './api.ts';
import { type Caller, startTenantApi } from './tenants.ts';

const { api, caller } = startTenantApi('polling');
const SCHEDULES = '/api/v1/schedules';

let acme: Caller;
let other: Caller;
let operator: Caller;

beforeAll(async () => {
  [acme, other, operator] = await Promise.all([caller('acme'), caller('other'), caller()]);
});

function nightly(name: string, more: object = {}) {
  return { name, cron: '0 3 * * *', type: 'extract', payload: {}, ...more };
}

async function make(by: Caller, schedule: object): Promise<void> {
  const { status, text } = await by.post(SCHEDULES, schedule);
  expect(status, text).toBe(201);
}

/** Lets the leader, who is of no tenant, do what is due. */
async function tick(...names: string[]): Promise<void> {
  await api.database
    .pool()
    .query(
      `update schedules set next_run_at = clock_timestamp() - interval '30 hours' where name = any ($1)`,
      [names],
    );
  await tickSchedules(compose().deps, 100, silentLogger);
}

async function rows(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  return (await api.database.pool().query(sql, values)).rows;
}

describe('a schedule that all call the same', () => {
  const name = 'report';

  beforeAll(async () => {
    for (const [index, by] of [acme, other, operator].entries())
      await make(by, nightly(name, { priority: index + 1 }));
  });

  test('is shown, changed and run by each as its own', async () => {
    const priority = async (by: Caller) => (await by.get(`${SCHEDULES}/${name}`)).json['priority'];
    expect(await Promise.all([acme, other, operator].map(priority))).toEqual([1, 2, 3]);
    expectProblem(await acme.post(SCHEDULES, nightly(name)), 409, 'schedule_exists');

    expect((await acme.send('PATCH', `${SCHEDULES}/${name}`, { priority: 7 })).json['priority']).toBe(7);
    expect(await Promise.all([acme, other, operator].map(priority))).toEqual([7, 2, 3]);
    const { json } = await other.post(`${SCHEDULES}/${name}/run`);
    expect(json['priority']).toBe(2);
    expect((await other.get(`/api/v1/jobs/${String(json['id'])}`)).status).toBe(200);
    expectProblem(await acme.get(`/api/v1/jobs/${String(json['id'])}`), 404, 'not_found');
  });

  test('makes a job of each at one tick, which the others do not see', async () => {
    await api.database.pool().query('delete from jobs');
    await tick(name);
    const made = await rows(`select id, tenant, idempotency_key as key from jobs order by tenant`);
    expect(made.map(({ tenant }) => tenant)).toEqual(['', 'acme', 'other']);
    expect(made.map(({ key }) => String(key).startsWith(`schedule/${name}/`))).toEqual([true, true, true]);
    for (const { id, tenant } of made) {
      const path = `/api/v1/jobs/${String(id)}`;
      const seen = await Promise.all([acme, other, operator].map((by) => by.get(path)));
      expect(seen.map(({ status }) => status)).toEqual([
        tenant === 'acme' ? 200 : 404,
        tenant === 'other' ? 200 : 404,
        200,
      ]);
    }
    const { last_run_at } = (await acme.get(`${SCHEDULES}/${name}`)).json;
    expect(last_run_at).not.toBeNull();
  });

  test('is paused and removed for one alone', async () => {
    await acme.send('PATCH', `${SCHEDULES}/${name}`, { enabled: false });
    const enabled = async (by: Caller) => (await by.get(`${SCHEDULES}/${name}`)).json['enabled'];
    expect(await Promise.all([acme, other, operator].map(enabled))).toEqual([false, true, true]);
    expect((await other.send('DELETE', `${SCHEDULES}/${name}`)).status).toBe(204);
    const left = await Promise.all([acme, other, operator].map((by) => by.get(`${SCHEDULES}/${name}`)));
    expect(left.map(({ status }) => status)).toEqual([200, 404, 200]);
  });
});

test('pages have what is its own, and a cursor of one tells nothing of another', async () => {
  for (const name of ['p-1', 'p-2', 'p-3']) await make(acme, nightly(name));
  await make(other, nightly('p-2-of-other'));
  const first = schedulePage.parse((await acme.get(`${SCHEDULES}?limit=2`)).json);
  const next = schedulePage.parse((await acme.get(`${SCHEDULES}?limit=10&cursor=${first.next_cursor}`)).json);
  const names = [...first.schedules, ...next.schedules].map(({ name }) => name);
  expect(names.filter((name) => name.startsWith('p-'))).toEqual(['p-1', 'p-2', 'p-3']);
  const foreign = schedulePage.parse((await other.get(`${SCHEDULES}?cursor=${first.next_cursor}`)).json);
  expect(foreign.schedules.map(({ name }) => name)).toEqual(['p-2-of-other']);
});

test('a workflow that a schedule starts is of its tenant', async () => {
  const steps = [
    { id: 'a', name: 'A', type: 'SERVICE_TASK', jobType: 'process', nextStep: 'end' },
    { id: 'end', name: 'End', type: 'END' },
  ];
  expect((await operator.post('/api/v1/definitions', { id: 'flow', name: 'Flow', steps })).status).toBe(201);
  const { type: _, payload: __, ...when } = nightly('starts');
  await make(acme, { ...when, definition: 'flow', input: {} });
  await tick('starts');
  const started = await rows('select id, tenant, foreign_id from workflow_instances');
  expect(started).toMatchObject([
    { tenant: 'acme', foreign_id: expect.stringMatching(/^schedule\/starts\//) },
  ]);
  expect(await rows(`select distinct tenant from jobs where type = 'process'`)).toEqual([{ tenant: 'acme' }]);
  expect((await other.get('/api/v1/workflows')).text).not.toContain(String(started[0]?.['id']));
});

test('a schedule whose workflow cannot be started holds up nobody else, and goes on', async () => {
  await make(acme, nightly('broken', { type: undefined, payload: undefined, definition: 'flow', input: {} }));
  await make(other, nightly('sound'));
  await api.database.pool().query(`update schedules set definition_id = 'gone' where name = 'broken'`);
  await api.database.pool().query('delete from jobs');
  await tick('broken', 'sound');
  expect(await rows('select tenant from jobs')).toEqual([{ tenant: 'other' }]);
  const broken = (await acme.get(`${SCHEDULES}/broken`)).json;
  expect(broken['last_run_at']).toBeNull();
  expect(Date.parse(String(broken['next_run_at']))).toBeGreaterThan(Date.now());
});
