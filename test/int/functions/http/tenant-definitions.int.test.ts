import { beforeAll, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../../engine/ports/logger.ts';
import { advanceDueInstances } from '../../../../engine/roles/due-instances.ts';
import { tickSchedules } from '../../../../engine/roles/schedule-ticks.ts';
import { compose } from '../../../../functions/compose.ts';
import { definitionPage } from '../../../../functions/http/workflow-replies.ts';
import { end } from '../../workflows/definitions.ts';
import { expectProblem } from './api.ts';
import { type Caller, startTenantApi } from './tenants.ts';

const { api, caller } = startTenantApi('polling');
const DEFINITIONS = '/api/v1/definitions';

let acme: Caller;
let other: Caller;
let operator: Caller;

beforeAll(async () => {
  [acme, other, operator] = await Promise.all([caller('acme'), caller('other'), caller()]);
});

/** One job, whose type tells which of the definitions has been started. */
function flow(id: string, jobType: 'noop' | 'extract' | 'process', more: object = {}) {
  const step = { id: 'do', name: 'Do', type: 'SERVICE_TASK', jobType, nextStep: 'end' };
  return { id, name: `${id} ${jobType}`, steps: [step, end], ...more };
}

function starting(id: string, child: string) {
  const steps = [{ id: 'sub', name: 'Sub', type: 'CHILD_WORKFLOW', workflowId: child, nextStep: 'end' }, end];
  return { id, name: id, steps };
}

async function upload(by: Caller, definition: object): Promise<unknown> {
  const { status, text, json } = await by.post(DEFINITIONS, definition);
  expect(status, text).toBe(201);
  return json['version'];
}

async function start(by: Caller, definition: string, more: object = {}): Promise<string> {
  const { status, text, json } = await by.post('/api/v1/workflows', { definition, ...more });
  expect(status, text).toBe(201);
  return String(json['id']);
}

async function rows(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  return (await api.database.pool().query(sql, values)).rows;
}

/** Of the jobs of an instance, or of its children. */
function jobsOf(instance: string): Promise<Record<string, unknown>[]> {
  return rows(
    `select jobs.type, jobs.tenant from jobs join workflow_instances i on i.id = jobs.instance_id where i.id = $1 or i.parent_id = $1`,
    [instance],
  );
}

describe('a definition that two tenants call the same', () => {
  beforeAll(async () => {
    expect(await upload(acme, flow('bill', 'noop'))).toBe(1);
    expect(await upload(other, flow('bill', 'extract'))).toBe(1);
  });

  test('is shown and started by each as its own, and by nobody else', async () => {
    const name = async (by: Caller) => (await by.get(`${DEFINITIONS}/bill`)).json['name'];
    expect(await Promise.all([acme, other].map(name))).toEqual(['bill noop', 'bill extract']);
    expect(await jobsOf(await start(acme, 'bill'))).toEqual([{ type: 'noop', tenant: 'acme' }]);
    expect(await jobsOf(await start(other, 'bill', { version: 1 }))).toEqual([
      { type: 'extract', tenant: 'other' },
    ]);
    for (const by of [operator, await caller('third')]) {
      expectProblem(await by.get(`${DEFINITIONS}/bill`), 404, 'not_found');
      expectProblem(await by.post('/api/v1/workflows', { definition: 'bill' }), 404, 'not_found');
      expect((await by.get(DEFINITIONS)).text).not.toContain('bill');
    }
  });

  test('goes on by whoever does not belong to the tenant: the operator, a worker, the leader', async () => {
    const id = await start(acme, 'bill');
    expect((await operator.get(`/api/v1/workflows/${id}/graph`)).status).toBe(200);
    const { json } = await operator.get(`/api/v1/workflows/${id}`);
    expect(json['definition']).toEqual({ id: 'bill', version: 1 });
    const taken = await rows(`select id from jobs where instance_id = $1`, [id]);
    const path = `/api/v1/jobs/${String(taken[0]?.['id'])}`;
    const claim = await operator.post(`${path}/claim`, { worker_id: 'w' });
    await operator.post(`${path}/complete`, { token: claim.json['token'], result: {} });
    expect((await acme.get(`/api/v1/workflows/${id}`)).json['status']).toBe('completed');
  });

  test('has versions of its own, and a known document keeps the one it has', async () => {
    expect(await upload(acme, flow('bill', 'process'))).toBe(2);
    expect(await upload(acme, flow('bill', 'noop'))).toBe(1);
    expectProblem(await other.get(`${DEFINITIONS}/bill?version=2`), 404, 'not_found');
  });
});

test('a job type that the operator has no handler for is refused, and nothing is written', async () => {
  const unknown = flow('new-kind', 'noop');
  const steps = [{ ...unknown.steps[0], jobType: 'nobody-handles-it' }, end];
  expectProblem(await acme.post(DEFINITIONS, { ...unknown, steps }), 422, 'unknown_job_type');
  const undo = { ...unknown.steps[0], compensation: { jobType: 'nobody-undoes-it' } };
  expectProblem(await acme.post(DEFINITIONS, { ...unknown, steps: [undo, end] }), 422, 'unknown_job_type');
  expectProblem(await acme.get(`${DEFINITIONS}/new-kind`), 404, 'not_found');
});

describe("a definition of the operator's", () => {
  beforeAll(async () => {
    await upload(operator, flow('onboard', 'noop'));
    await upload(operator, flow('onboard', 'noop', { description: 'second' }));
    await upload(operator, starting('welcome', 'onboard'));
  });

  test('can be started by a tenant, and what it starts is the operator’s too', async () => {
    await upload(other, flow('onboard', 'process'));
    expect(await jobsOf(await start(acme, 'welcome'))).toEqual([{ type: 'noop', tenant: 'acme' }]);
    expect(await jobsOf(await start(other, 'welcome'))).toEqual([{ type: 'noop', tenant: 'other' }]);
  });

  test('is gone on with by a tenant for itself alone, under the next version', async () => {
    expect(await upload(acme, flow('onboard', 'extract'))).toBe(3);
    expect(await jobsOf(await start(acme, 'onboard'))).toEqual([{ type: 'extract', tenant: 'acme' }]);
    expect(await jobsOf(await start(acme, 'onboard', { version: 2 }))).toEqual([
      { type: 'noop', tenant: 'acme' },
    ]);
    expect(await jobsOf(await start(operator, 'onboard'))).toEqual([{ type: 'noop', tenant: '' }]);
    const listed = async (by: Caller) =>
      definitionPage
        .parse((await by.get(DEFINITIONS)).json)
        .definitions.filter(({ id }) => id === 'onboard')
        .map(({ version, name }) => [version, name]);
    expect(await listed(acme)).toEqual([[3, 'onboard extract']]);
    expect(await listed(operator)).toEqual([[2, 'onboard noop']]);
  });
});

test("what a tenant's definition starts is its own before the operator's, whoever lets it go on", async () => {
  await upload(operator, flow('step', 'noop'));
  await upload(acme, flow('step', 'extract'));
  const sleep = { id: 'wait', name: 'Wait', type: 'SLEEP', duration: 'PT0S', nextStep: 'sub' };
  const { steps } = starting('late', 'step');
  await upload(acme, { id: 'late', name: 'late', steps: [sleep, ...steps] });
  const id = await start(acme, 'late');
  await advanceDueInstances(compose().deps, 100);
  expect(await jobsOf(id)).toEqual([{ type: 'extract', tenant: 'acme' }]);
  expectProblem(await other.post(DEFINITIONS, starting('mine', 'late')), 400, 'invalid_request');
});

test("a tenant's schedule starts the tenant's definition", async () => {
  await upload(operator, flow('daily', 'noop'));
  await upload(acme, flow('daily', 'process'));
  const schedule = { name: 'daily', cron: '0 3 * * *', definition: 'daily', input: {} };
  for (const by of [acme, operator]) expect((await by.post('/api/v1/schedules', schedule)).status).toBe(201);
  await api.database
    .pool()
    .query(`update schedules set next_run_at = clock_timestamp() - interval '30 hours'`);
  await tickSchedules(compose().deps, 100, silentLogger);
  const made = await rows(
    `select jobs.type, jobs.tenant from jobs join workflow_instances i on i.id = jobs.instance_id where i.definition_id = 'daily' order by 2`,
  );
  expect(made).toEqual([
    { type: 'noop', tenant: '' },
    { type: 'process', tenant: 'acme' },
  ]);
});
