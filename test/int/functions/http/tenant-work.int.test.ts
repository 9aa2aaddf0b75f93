import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StepId } from '../../../../events/ids.ts';
import { compose } from '../../../../functions/compose.ts';
import * as replies from '../../../../functions/http/replies.ts';
import { waitFor } from '../../../helpers/wait-for.ts';
import { definition, task } from '../../workflows/definitions.ts';
import { type Caller, startTenantApi } from './tenants.ts';

// With the duties of the leader, and a worker of the operator's, as they are deployed: neither knows of tenants.
const { api, caller } = startTenantApi('polling');

const SOON = 60_000;
const stop = new AbortController();
let duties: Promise<void>;
let acme: Caller;
let other: Caller;
let operator: Caller;

beforeAll(async () => {
  [acme, other, operator] = await Promise.all([caller('acme'), caller('other'), caller()]);
  duties = compose().duties(stop.signal);
});
afterAll(async () => {
  stop.abort();
  await duties;
});

async function take(type: string, more: object = {}) {
  const { json } = await operator.post('/api/v1/jobs/poll', {
    types: [type],
    worker_id: 'w',
    wait_ms: 500,
    ...more,
  });
  return replies.polled.parse(json).jobs;
}

async function completeNext(type: string, result: object = {}): Promise<string> {
  let done = '';
  await waitFor(
    async () => {
      const [taken] = await take(type, { limit: 1 });
      if (!taken) return false;
      done = taken.job.id;
      const { status } = await operator.post(`/api/v1/jobs/${done}/complete`, { token: taken.token, result });
      return status === 200;
    },
    { within: SOON, what: `a job of type ${type}` },
  );
  return done;
}

async function rows(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  return (await api.database.pool().query(sql, values)).rows;
}

describe("what goes on from a row of a tenant is the tenant's", () => {
  test('the next steps of a workflow, its children, theirs, and all that is told of them', async () => {
    const child = definition([task('inner', 'echo', 'end')]);
    const parent = definition([
      { id: 'wait', type: 'WAIT', nextStep: 'first' },
      task('first', 'echo', 'sub'),
      { id: 'sub', type: 'CHILD_WORKFLOW', workflowId: child.id, nextStep: 'pause' },
      { id: 'pause', type: 'SLEEP', duration: 'PT0.05S', nextStep: 'last' },
      task('last', 'echo', 'end'),
    ]);
    await compose().deps.store.registerTypes(['echo' as StepId]);
    for (const one of [child, parent])
      expect((await operator.post('/api/v1/definitions', one)).status).toBe(201);
    const started = await acme.post('/api/v1/workflows', { definition: parent.id, foreign_id: 'order-7' });
    expect(started.status, started.text).toBe(201);
    const path = `/api/v1/workflows/${String(started.json['id'])}`;

    expect((await acme.post(`${path}/signal`, { step: 'wait' })).status).toBe(200);
    const jobs = [await completeNext('echo'), await completeNext('echo'), await completeNext('echo')];
    await waitFor(async () => (await acme.get(path)).json['status'] === 'completed', {
      within: SOON,
      what: 'the workflow to be completed',
    });

    const seen = await Promise.all(jobs.map((id) => acme.get(`/api/v1/jobs/${id}`)));
    expect(seen.map(({ status }) => status)).toEqual([200, 200, 200]);
    const of = await rows(
      'select tenant, count(*)::integer as count from workflow_instances group by tenant',
    );
    expect(of).toEqual([{ tenant: 'acme', count: 2 }]);
    const children = await acme.get(`/api/v1/workflows?name=${encodeURIComponent(child.name)}`);
    expect(children.text).toContain('"completed"');
    for (const list of [
      'workflows?foreign_id=order-7',
      `workflows?name=${encodeURIComponent(child.name)}`,
      'jobs',
    ])
      expect((await other.get(`/api/v1/${list}`)).text).not.toContain('"id"');
  });

  test('an attempt that comes again, and a job that is queued again', async () => {
    const { json } = await acme.post('/api/v1/jobs', { type: 'notify', payload: {}, max_retries: 0 });
    const [taken] = await take('notify');
    await operator.post(`/api/v1/jobs/${taken?.job.id}/fail`, {
      token: taken?.token,
      error: 'broke',
      retryable: false,
    });
    expect((await acme.post(`/api/v1/jobs/${String(json['id'])}/retry`)).status).toBe(200);
    expect(await completeNext('notify')).toBe(json['id']);
    const told = await acme.get(`/api/v1/jobs/${String(json['id'])}`);
    expect(told.json['status']).toBe('completed');
    expect(JSON.stringify(told.json['audit'])).toContain('key:one');
  });
});

describe('what two tenants call the same', () => {
  test('as a unique key does not join their jobs', async () => {
    const send = (by: Caller) =>
      by.post('/api/v1/jobs', { type: 'extract', payload: {}, unique: { key: 'report', mode: 'drop' } });
    const ids = new Set<unknown>();
    for (const by of [acme, other, operator]) {
      const first = await send(by);
      expect(first.headers.get('unique-joined')).toBeNull();
      const again = await send(by);
      expect(again.headers.get('unique-joined')).toBe('true');
      expect(again.json['id']).toBe(first.json['id']);
      ids.add(first.json['id']);
    }
    expect(ids.size).toBe(3);
  });

  test('as a limit is a limit of each, under the name that each has given it', async () => {
    const limited = {
      type: 'process',
      payload: {},
      concurrency: { key: 'mail', limit: 1 },
      rate: { key: 'mail', limit: 1, per_seconds: 86_400 },
    };
    const ids: string[] = [];
    for (const by of [acme, other, operator]) {
      for (const _ of [1, 2]) ids.push(String((await by.post('/api/v1/jobs', limited)).json['id']));
    }
    const queued = async () =>
      (
        await rows(`select tenant from jobs where type = 'process' and status = 'queued' order by tenant`)
      ).map(({ tenant }) => tenant);
    await waitFor(async () => (await queued()).length >= 3, {
      within: SOON,
      what: 'one job of each to be admitted',
    });
    expect(await queued()).toEqual(['', 'acme', 'other']);
    for (let count = 0; count < 3; count += 1) await completeNext('process');
    const starts = await rows(
      'select count(distinct key)::integer as keys, count(*)::integer as count from rate_starts',
    );
    expect(starts).toEqual([{ keys: 3, count: 3 }]);
    const told = await acme.get(`/api/v1/jobs/${ids[0]}`);
    expect(told.json['concurrency']).toEqual({ key: 'mail', limit: 1 });
  });

  test('as an idempotency key is told as a conflict to its own tenant only', async () => {
    const send = (by: Caller, payload: object) =>
      by.post('/api/v1/jobs/batch', { jobs: [{ type: 'send-email', payload, idempotency_key: 'k' }] });
    expect((await send(acme, { n: 1 })).status).toBe(201);
    expect((await send(other, { n: 2 })).status).toBe(201);
    expect((await send(acme, { n: 2 })).status).toBe(409);
    expect((await send(other, { n: 2 })).status).toBe(201);
  });

  test("from SQL is the tenant's whom the transaction names", async () => {
    const enqueue = (tenant: string) =>
      rows(
        `select set_config('millrace.tenant', $1, true), millrace.enqueue('send-email', '{}', idempotency_key => 'sql') as id`,
        [tenant],
      );
    const [mine] = await enqueue('acme');
    const [again] = await enqueue('acme');
    const [nobodys] = await enqueue('');
    expect(again?.['id']).toBe(mine?.['id']);
    expect(nobodys?.['id']).not.toBe(mine?.['id']);
    expect((await acme.get(`/api/v1/jobs/${String(mine?.['id'])}`)).status).toBe(200);
    expect((await other.get(`/api/v1/jobs/${String(mine?.['id'])}`)).status).toBe(404);
  });
});
