import { describe, expect, test } from 'vitest';
import { decodePack } from '../../../../events/pack.ts';
import { expectProblem } from './api.ts';
import { startTenantApi } from './tenants.ts';

const { api, caller } = startTenantApi('kafka_outbox');

const job = (more: Record<string, unknown> = {}) => ({
  type: 'noop',
  payload: { secret: 'of acme' },
  ...more,
});

async function tenantOf(id: unknown): Promise<string | undefined> {
  const { rows } = await api.database
    .pool()
    .query<{ tenant: string }>('select tenant from jobs where id = $1', [id]);
  return rows[0]?.tenant;
}

describe('a job of a tenant', () => {
  test('is seen by the tenant and by the operator, and by no other tenant', async () => {
    const [acme, other, operator] = await Promise.all([caller('acme'), caller('other'), caller()]);
    const { status, json } = await acme.post('/api/v1/jobs', job());
    expect(status).toBe(201);
    expect(await tenantOf(json['id'])).toBe('acme');

    const path = `/api/v1/jobs/${String(json['id'])}`;
    expect((await acme.get(path)).status).toBe(200);
    expect((await operator.get(path)).status).toBe(200);
    expectProblem(await other.get(path), 404, 'not_found');

    const lists = await Promise.all([acme, operator, other].map((one) => one.get('/api/v1/jobs')));
    expect(lists.map(({ text }) => text.includes(String(json['id'])))).toEqual([true, true, false]);
  });

  test('has an idempotency key of its own, which says nothing to others who use the same', async () => {
    const callers = await Promise.all([caller('acme'), caller('other'), caller()]);
    const ids = new Set<unknown>();
    for (const [index, one] of callers.entries()) {
      const send = () =>
        one.post('/api/v1/jobs', { ...job({ payload: { index } }), idempotency_key: 'order-7' });
      const first = await send();
      expect(first.status).toBe(201);
      expect(first.headers.get('idempotent-replayed')).toBeNull();
      const again = await send();
      expect(again.headers.get('idempotent-replayed')).toBe('true');
      expect(again.json['id']).toBe(first.json['id']);
      ids.add(first.json['id']);
    }
    expect(ids.size).toBe(3);
  });
});

describe('what tenants send at the same moment', () => {
  test('is written apart: no row of the outbox has the jobs of two', async () => {
    const callers = await Promise.all([caller('acme'), caller('other'), caller()]);
    const before = await api.database
      .pool()
      .query<{ id: string }>('select coalesce(max(id), 0)::text as id from dispatch_outbox');
    await Promise.all(
      Array.from({ length: 90 }, (_, index) =>
        callers[index % 3]?.post('/api/v1/jobs', job({ payload: { index } })),
      ),
    );
    const { rows } = await api.database
      .pool()
      .query<{ messages: Buffer; message_count: number }>(
        'select messages, message_count from dispatch_outbox where id > $1',
        [before.rows[0]?.id],
      );
    let jobs = 0;
    for (const { messages, message_count } of rows) {
      const ids = decodePack(messages, message_count).map(({ jobId }) => jobId);
      const of = await api.database
        .pool()
        .query('select distinct tenant from jobs where id = any ($1::uuid[])', [ids]);
      expect(of.rowCount).toBe(1);
      jobs += ids.length;
    }
    expect(jobs).toBe(90);
    expect(rows.length).toBeLessThan(90);
  });
});

test('a rate of one tenant is not used up by another whose key has the same name', async () => {
  const [acme, other] = await Promise.all([caller('acme', { rate: 1 }), caller('other', { rate: 1 })]);
  expect((await acme.get('/api/v1/jobs')).status).toBe(200);
  expect((await other.get('/api/v1/jobs')).status).toBe(200);
});
