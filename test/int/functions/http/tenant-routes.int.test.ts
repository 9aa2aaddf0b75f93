import { createClient, createRouterTransport } from '@connectrpc/connect';
import { beforeAll, describe, expect, test } from 'vitest';
import { WorkflowEngine } from '../../../../events/generated/workflow/v1/workflow_engine_pb.js';
import { grpcRoutes } from '../../../../functions/grpc/routes.ts';
import { dialectRoutes } from '../../../../functions/http/rochallor/routes.ts';
import { routes } from '../../../../functions/http/routes.ts';
import { expectProblem } from './api.ts';
import { type Caller, startTenantApi } from './tenants.ts';

const { api, caller } = startTenantApi('kafka_outbox');

/** What the tenant "acme" has, and an id of each kind that nobody has. */
interface Ids {
  readonly job: string;
  readonly workflow: string;
  readonly definition: string;
  /** That it has uploaded; the other came with its steps. */
  readonly uploaded: string;
  /** Its name. */
  readonly schedule: string;
}
const UNKNOWN: Ids = {
  job: '01a1fd51-a8f9-74ad-a06f-3986a43e21b1',
  workflow: '01a1fd51-a8f9-74ad-a06f-3986a43e21b2',
  definition: `inline/${'ab'.repeat(32)}`,
  uploaded: 'that-nobody-uploaded',
  schedule: 'that-nobody-has',
};

type Answer =
  /** 403: it is for the installation as a whole. */
  | { readonly is: 'refused' }
  /** Tells nothing of rows. */
  | { readonly is: 'public' }
  /** Of an id: that of another tenant is answered as one that nobody has. */
  | { readonly is: 'not found'; readonly of: keyof Ids; readonly body?: object }
  /** A list: it has what is one's own, and the operator's has it too, unless it is known by its name: then he has his own. */
  | { readonly is: 'own'; readonly of: keyof Ids; readonly byName?: true }
  /** Writes what is one's own; how, is told in tests of its own. */
  | { readonly is: 'new' };

const refused: Answer = { is: 'refused' };
const open: Answer = { is: 'public' };
const of = (kind: keyof Ids, body?: object): Answer => ({
  is: 'not found',
  of: kind,
  ...(body ? { body } : {}),
});
const own = (kind: keyof Ids): Answer => ({ is: 'own', of: kind });

/** Every route of the API, so that a new one must say what it does for tenants. */
const answers: Readonly<Record<string, Answer>> = {
  'POST /api/v1/jobs': { is: 'new' },
  'POST /api/v1/jobs/batch': { is: 'new' },
  'GET /api/v1/jobs': own('job'),
  'GET /api/v1/jobs/{id}': of('job'),
  'POST /api/v1/jobs/{id}/claim': refused,
  'POST /api/v1/jobs/claim': refused,
  'POST /api/v1/jobs/poll': refused,
  'POST /api/v1/jobs/{id}/heartbeat': refused,
  'POST /api/v1/jobs/heartbeat': refused,
  'POST /api/v1/jobs/{id}/complete': refused,
  'POST /api/v1/jobs/complete': refused,
  'POST /api/v1/jobs/{id}/fail': refused,
  'POST /api/v1/jobs/fail': refused,
  'POST /api/v1/jobs/{id}/cancel': of('job', {}),
  'POST /api/v1/jobs/{id}/retry': of('job', {}),
  'GET /api/v1/dead-letters': own('job'),
  'POST /api/v1/dead-letters/redrive': { is: 'new' },
  'POST /api/v1/undecodable-records': refused,
  'GET /health': open,
  'GET /metrics': refused,
  'POST /api/v1/workflows': { is: 'new' },
  'POST /api/v1/workflows/batch': { is: 'new' },
  'GET /api/v1/workflows': own('workflow'),
  'GET /api/v1/workflows/{id}': of('workflow'),
  'POST /api/v1/workflows/{id}/cancel': of('workflow', {}),
  'GET /api/v1/workflows/{id}/graph': of('workflow'),
  'POST /api/v1/workflows/{id}/signal': of('workflow', { step: 'ask' }),
  'POST /api/v1/workflows/{id}/pause': of('workflow', {}),
  'POST /api/v1/workflows/{id}/resume': of('workflow', {}),
  'POST /api/v1/workflows/{id}/steps/{step}/retry': of('workflow', {}),
  'POST /api/v1/workflows/{id}/user-tasks/{step}/complete': of('workflow', {}),
  'GET /api/v1/user-tasks': own('workflow'),
  'POST /api/v1/definitions': { is: 'new' },
  'GET /api/v1/definitions': { is: 'own', of: 'uploaded', byName: true },
  'GET /api/v1/definitions/{id}': of('uploaded'),
  'GET /api/v1/definitions/{id}/graph': of('uploaded'),
  'POST /api/v1/schedules': { is: 'new' },
  'GET /api/v1/schedules': { is: 'own', of: 'schedule', byName: true },
  'GET /api/v1/schedules/{name}': of('schedule'),
  'PATCH /api/v1/schedules/{name}': of('schedule', { enabled: false }),
  'DELETE /api/v1/schedules/{name}': of('schedule'),
  'POST /api/v1/schedules/{name}/run': of('schedule', {}),
  'GET /api/v1/records': refused,
  'GET /api/v1/records/{id}': refused,
  'POST /api/v1/records/{id}/pause': refused,
  'POST /api/v1/records/{id}/resume': refused,
  'POST /api/v1/records/{id}/cancel': refused,
  'GET /api/v1/overview': refused,
  'GET /api/v1/relay': refused,
  'GET /api/v1/types': refused,
  'GET /openapi.json': open,
  'GET /docs': open,
  'GET /ui': open,
  'GET /ui/session': open,
  'POST /ui/session': open,
  'DELETE /ui/session': open,
  'GET /ui/{name}': open,
};

const table = Object.entries(answers).map(([route, answer]) => {
  const [method = '', path = ''] = route.split(' ');
  return { method, path, answer };
});

function concrete(path: string, id: string): string {
  return path.replace('{id}', encodeURIComponent(id)).replace('{step}', 'ask').replace('{name}', id);
}

let acme: Caller;
let other: Caller;
let operator: Caller;
/** The job is a dead letter, and the workflow waits for a person. */
let ids: Ids;

beforeAll(async () => {
  [acme, other, operator] = await Promise.all([caller('acme'), caller('other'), caller()]);
  const steps = [
    { id: 'ask', name: 'Ask', type: 'USER_TASK', nextStep: 'end' },
    { id: 'end', name: 'End', type: 'END' },
  ];
  const ask = { id: 'ask-somebody', name: 'Ask somebody', steps };
  expect((await operator.post('/api/v1/definitions', ask)).status).toBe(201);
  const workflow = await acme.post('/api/v1/workflows', { definition: ask.id });
  const chain = { name: 'chain', steps: [{ name: 'a', type: 'noop', payload: { secret: 7 } }] };
  const inline = await acme.post('/api/v1/workflows', chain);
  const job = await acme.post('/api/v1/jobs', { type: 'noop', payload: {}, max_retries: 0 });
  const path = `/api/v1/jobs/${String(job.json['id'])}`;
  const claim = await operator.post(`${path}/claim`, { worker_id: 'w' });
  await operator.post(`${path}/fail`, { token: claim.json['token'], error: 'it broke' });
  const { rows } = await api.database
    .pool()
    .query<{ id: string }>('select definition_id as id from workflow_instances where id = $1', [
      inline.json['id'],
    ]);
  const schedule = { name: 'acmes-own', cron: '30 2 * * *', type: 'noop', payload: {} };
  expect((await acme.post('/api/v1/schedules', schedule)).status).toBe(201);
  expect((await acme.post('/api/v1/definitions', { ...ask, id: 'acmes-flow' })).status).toBe(201);
  ids = {
    uploaded: 'acmes-flow',
    schedule: schedule.name,
    job: String(job.json['id']),
    workflow: String(workflow.json['id']),
    definition: rows[0]?.id ?? '',
  };
});

/** All that is not the tenant's who asks. */
async function ofAcme(): Promise<unknown> {
  const { rows } = await api.database.pool().query(`
    select
      (select json_agg(jobs order by id) from jobs where tenant = 'acme')::text as jobs,
      (select json_agg(i order by id) from workflow_instances i where tenant = 'acme')::text as instances,
      (select json_agg(t order by instance_id) from workflow_user_tasks t)::text as tasks,
      (select json_agg(s order by name) from schedules s)::text as schedules,
      (select json_agg(d order by id, version) from workflow_definitions d)::text as definitions,
      (select count(*) from audit_log)::text as audit
  `);
  return rows[0];
}

describe('for the key of a tenant', () => {
  test('every route says what it does', () => {
    expect(Object.keys(answers).sort()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).sort());
    const isPublic = (route: string) =>
      routes.some(
        ({ method, path, endpoint }) => `${method} ${path}` === route && endpoint.shape.scope === 'public',
      );
    const told = Object.keys(answers).filter((route) => answers[route]?.is === 'public' && !isPublic(route));
    expect(told).toEqual([]);
  });

  test('what is for the whole installation is refused, whatever its scopes', async () => {
    for (const { method, path, answer } of table) {
      if (answer.is !== 'refused') continue;
      const body = method === 'POST' || method === 'PATCH' ? {} : undefined;
      const told = await other.send(method, concrete(path, ids.job), body);
      expectProblem(told, 403, 'forbidden');
      expect(told.json['tenant'], path).toBe('other');
    }
  });

  test('an id of another tenant is answered as one that nobody has, and nothing comes of it', async () => {
    const before = await ofAcme();
    let asked = 0;
    for (const { method, path, answer } of table) {
      if (answer.is !== 'not found') continue;
      const ask = (id: string) => other.send(method, concrete(path, id), answer.body);
      const [foreign, unknown] = [await ask(ids[answer.of]), await ask(UNKNOWN[answer.of])];
      expectProblem(foreign, 404, 'not_found');
      const text = foreign.text.replaceAll(ids[answer.of], UNKNOWN[answer.of]);
      expect({ path, text }).toEqual({ path, text: unknown.text });
      expect([...foreign.headers.keys()]).toEqual([...unknown.headers.keys()]);
      asked += 1;
    }
    expect(asked).toBeGreaterThan(10);
    expect(await ofAcme()).toEqual(before);
  });

  test('a list has what is its own, and nothing of others', async () => {
    for (const { method, path, answer } of table) {
      if (answer.is !== 'own') continue;
      const lists = await Promise.all([acme, operator, other].map((one) => one.send(method, path)));
      const shows = lists.map(({ status, text }) => [status, text.includes(ids[answer.of])]);
      expect({ path, shows }).toEqual({
        path,
        shows: [
          [200, true],
          [200, answer.byName !== true],
          [200, false],
        ],
      });
    }
    const filtered = [
      `/api/v1/jobs?status=dead_letter`,
      `/api/v1/jobs?text=${ids.job}`,
      `/api/v1/user-tasks?workflow_id=${ids.workflow}`,
    ];
    for (const path of filtered) {
      expect((await acme.get(path)).text).toContain(ids.job.slice(0, 8));
      expect((await other.get(path)).text).not.toMatch(/"(id|workflow_id)"/);
    }
  });

  test('dead letters of others are neither counted nor queued again', async () => {
    const before = await ofAcme();
    const redrive = (body: object) => other.post('/api/v1/dead-letters/redrive', body);
    const [foreign, unknown] = [await redrive({ ids: [ids.job] }), await redrive({ ids: [UNKNOWN.job] })];
    expect(foreign.text).toBe(unknown.text);
    expect((await redrive({ all: true })).text).toBe((await redrive({ filter: { type: 'noop' } })).text);
    expect((await redrive({ all: true, dry_run: true })).json).toMatchObject({ matched: 0 });
    expect(await ofAcme()).toEqual(before);
    expect(
      (await acme.post('/api/v1/dead-letters/redrive', { all: true, dry_run: true })).json,
    ).toMatchObject({
      matched: 1,
    });
  });

  test('a chain that another has sent is not told, and can be sent as well', async () => {
    const chain = { name: 'chain', steps: [{ name: 'a', type: 'noop', payload: { secret: 7 } }] };
    expectProblem(await other.post('/api/v1/workflows', { definition: ids.definition }), 404, 'not_found');
    const path = `/api/v1/definitions/${encodeURIComponent(ids.definition)}`;
    expect((await acme.get(path)).status).toBe(200);
    const third = await caller('third');
    expect((await third.post('/api/v1/workflows', chain)).status).toBe(201);
    expect((await third.get(path)).status).toBe(200);
  });

  test('work over the REST dialect of other engines is refused', async () => {
    const asked = dialectRoutes.filter(({ scope }) => scope === 'work');
    for (const { method, path } of asked) {
      const { status, json } = await acme.send(method, concrete(path, ids.job), {});
      expect({ path, status, error: json['error'] }).toEqual({ path, status: 403, error: 'forbidden' });
    }
    expect(asked.length).toBeGreaterThan(3);
  });

  test('by that dialect, an id of another tenant is answered as one that nobody has, and nothing comes of it', async () => {
    const before = await ofAcme();
    const asked = dialectRoutes.filter(({ scope, path }) => scope !== 'work' && path.includes('{id}'));
    for (const { method, path } of asked) {
      const isDefinition = path.startsWith('/v1/definitions');
      const kind = isDefinition ? 'uploaded' : 'workflow';
      const body = method === 'GET' ? undefined : {};
      const url = (id: string) => concrete(path, id).replace('{version}', '1');
      // A task is known by its instance and its place in it.
      const idOf = (id: string) => (path.startsWith('/v1/user-tasks') ? `${id}.0` : id);
      const ask = (by: Caller, id: string) => by.send(method, url(idOf(id)), body);
      const [foreign, unknown] = [await ask(other, ids[kind]), await ask(other, UNKNOWN[kind])];
      expect({ path, text: foreign.text.replaceAll(ids[kind], UNKNOWN[kind]) }).toEqual({
        path,
        text: unknown.text,
      });
      const isEmptyList = path.endsWith('/history');
      expect({ path, status: foreign.status }).toEqual({ path, status: isEmptyList ? 200 : 404 });
      if (method === 'GET') {
        const { status, text } = await ask(acme, ids[kind]);
        expect([status, text === unknown.text]).toEqual([200, false]);
      }
    }
    expect(asked.length).toBeGreaterThan(7);
    expect(await ofAcme()).toEqual(before);
  });

  test('by that dialect, a list has what is its own, and what it counts is that', async () => {
    for (const [path, id] of [
      ['/v1/instances', ids.workflow],
      ['/v1/definitions', ids.uploaded],
    ] as const) {
      const [own, foreign] = [await acme.get(path), await other.get(path)];
      expect([own.status, own.text.includes(id)]).toEqual([200, true]);
      expect([foreign.status, foreign.text.includes(id)]).toEqual([200, false]);
      expect(Number(foreign.json['total'])).toBe(
        Number(own.json['total']) - (path === '/v1/instances' ? 2 : 1),
      );
    }
  });

  test('by that dialect it uploads, starts and goes on with what is its own', async () => {
    const steps = [
      { id: 'wait', name: 'Wait', type: 'WAIT', nextStep: 'end' },
      { id: 'end', name: 'End', type: 'END' },
    ];
    for (const by of [acme, await caller('fourth')]) {
      const flow = { id: 'spoken-alike', name: 'Spoken alike', steps };
      expect((await by.post('/v1/definitions', flow)).status).toBe(201);
      const started = await by.post('/v1/instances', { definitionId: flow.id, variables: {} });
      expect(started.json).toMatchObject({ definitionVersion: 1, status: 'WAITING' });
      const path = `/v1/instances/${String(started.json['id'])}`;
      expect((await by.post(`${path}/signals/wait`, { variables: {} })).status).toBeLessThan(300);
      expect((await by.get(path)).json['status']).toBe('COMPLETED');
    }
    const unknown = [{ ...steps[0], type: 'SERVICE_TASK', jobType: 'nobody-handles-it' }, steps[1]];
    const refused = await acme.post('/v1/definitions', { id: 'no', name: 'No', steps: unknown });
    expect([refused.status, refused.text.includes('nobody-handles-it')]).toEqual([422, true]);
  });

  test('gRPC gives a tenant what is its own, and no work', async () => {
    const client: Readonly<Record<string, (request: object, options: object) => Promise<unknown>>> =
      createClient(WorkflowEngine, createRouterTransport(grpcRoutes));
    const refused: string[] = [];
    for (const { localName } of Object.values(WorkflowEngine.method)) {
      const ask = (by: Caller, id: string) =>
        client[localName]?.(
          { id, instanceId: id, jobId: id, stepId: 'ask', userTaskStepId: 'ask', waitStepId: 'ask' },
          { headers: by.headers },
        ).then(
          (answer) => JSON.stringify(answer, (_, value) => (typeof value === 'bigint' ? `${value}` : value)),
          (error: { code: number; message: string }) => `${error.code} ${error.message}`,
        );
      const foreign = (await ask(other, ids.workflow)) ?? '';
      if (foreign.startsWith('7 ')) refused.push(localName);
      expect(foreign.replaceAll(ids.workflow, UNKNOWN.workflow)).toBe(await ask(other, UNKNOWN.workflow));
    }
    expect(refused.sort()).toEqual(['completeJob', 'extendJobLease', 'failJob', 'pollJobs']);
    const shown = await client['getInstance']?.({ id: ids.workflow }, { headers: acme.headers });
    expect(shown).toMatchObject({ instance: { id: ids.workflow } });
  });

  test('the stream of ticks is not opened', async () => {
    expect((await acme.get('/ui/events')).status).toBe(401);
  });
});
